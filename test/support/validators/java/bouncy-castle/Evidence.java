import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.ASN1TaggedObject;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.cms.CMSObjectIdentifiers;
import org.bouncycastle.asn1.esf.RevocationValues;
import org.bouncycastle.asn1.ocsp.BasicOCSPResponse;
import org.bouncycastle.asn1.ocsp.OCSPObjectIdentifiers;
import org.bouncycastle.asn1.ocsp.OCSPResponse;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x509.Certificate;
import org.bouncycastle.asn1.x509.CertificateList;
import org.bouncycastle.cert.X509CRLHolder;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.ocsp.BasicOCSPResp;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.util.Store;

/** Certificates and revocation information that a container brings, its timestamp's included. */
final class Evidence {
  /** RevocationInfoArchival (ISO 32000-2 12.8.3.3.2), a signed attribute. */
  private static final ASN1ObjectIdentifier ADBE_REVOCATION = new ASN1ObjectIdentifier("1.2.840.113583.1.1.8");

  private final Set<X509CertificateHolder> certificates = new LinkedHashSet<>();
  private final List<X509CRLHolder> crls = new ArrayList<>();
  private final List<BasicOCSPResp> responses = new ArrayList<>();

  static Evidence of(CMSSignedData data, SignerInformation signer) throws Exception {
    var evidence = new Evidence();
    evidence.add(data);
    var archival = signer.getSignedAttributes().get(ADBE_REVOCATION);
    if (archival != null) {
      evidence.addArchival(ASN1Sequence.getInstance(archival.getAttributeValues()[0]));
    }
    return evidence;
  }

  Collection<X509CertificateHolder> holders() {
    return certificates;
  }

  /** As the JDK reads them. */
  List<java.security.cert.X509Certificate> certificates() {
    return certificates.stream().map(Certificates::read).toList();
  }

  List<X509CRLHolder> crls() {
    return crls;
  }

  List<BasicOCSPResp> responses() {
    return responses;
  }

  /** What is in a SignedData beside its signed attributes. */
  void add(CMSSignedData data) throws Exception {
    certificates.addAll(data.getCertificates().getMatches(null));
    crls.addAll(data.getCRLs().getMatches(null));
    // RFC 5940 2
    Store<?> others = data.getOtherRevocationInfo(CMSObjectIdentifiers.id_ri_ocsp_response);
    for (Object info : others.getMatches(null)) {
      addResponse(OCSPResponse.getInstance(info));
    }
    for (SignerInformation signer : data.getSignerInfos().getSigners()) {
      AttributeTable unsigned = signer.getUnsignedAttributes();
      if (unsigned != null) {
        addValues(unsigned);
      }
    }
  }

  /** EN 319 122-1 A.1.1.2 and A.1.2.2: certificate-values and revocation-values. */
  private void addValues(AttributeTable unsigned) {
    var values = unsigned.get(PKCSObjectIdentifiers.id_aa_ets_certValues);
    if (values != null) {
      for (ASN1Encodable one : ASN1Sequence.getInstance(values.getAttributeValues()[0])) {
        certificates.add(new X509CertificateHolder(Certificate.getInstance(one)));
      }
    }
    var revocations = unsigned.get(PKCSObjectIdentifiers.id_aa_ets_revocationValues);
    if (revocations != null) {
      var all = RevocationValues.getInstance(revocations.getAttributeValues()[0]);
      for (CertificateList list : all.getCrlVals()) {
        crls.add(new X509CRLHolder(list));
      }
      for (BasicOCSPResponse response : all.getOcspVals()) {
        responses.add(new BasicOCSPResp(response));
      }
    }
  }

  private void addArchival(ASN1Sequence archival) throws Exception {
    for (ASN1Encodable one : archival) {
      var tagged = ASN1TaggedObject.getInstance(one);
      for (ASN1Encodable value : ASN1Sequence.getInstance(tagged, true)) {
        switch (tagged.getTagNo()) {
          case 0 -> crls.add(new X509CRLHolder(CertificateList.getInstance(value)));
          case 1 -> addResponse(OCSPResponse.getInstance(value));
          default -> throw new IllegalStateException("[" + tagged.getTagNo() + "] in adbe-revocationInfoArchival");
        }
      }
    }
  }

  private void addResponse(OCSPResponse response) {
    Findings.require(
        response.getResponseBytes().getResponseType().equals(OCSPObjectIdentifiers.id_pkix_ocsp_basic),
        "an OCSP response is not a basic one");
    responses.add(
        new BasicOCSPResp(BasicOCSPResponse.getInstance(response.getResponseBytes().getResponse().getOctets())));
  }
}
