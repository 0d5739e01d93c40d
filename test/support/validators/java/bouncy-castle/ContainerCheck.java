import java.security.MessageDigest;
import java.security.cert.PKIXCertPathBuilderResult;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Collection;
import java.util.Date;
import java.util.Map;
import org.bouncycastle.asn1.ASN1InputStream;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.cms.CMSAttributes;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.cms.Time;
import org.bouncycastle.asn1.ess.ESSCertIDv2;
import org.bouncycastle.asn1.ess.SigningCertificateV2;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x509.IssuerSerial;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.tsp.TimeStampToken;

/** One detached SignedData with one signer. */
final class ContainerCheck {
  static Map<String, String> check(byte[] container, byte[] content, Demands demands) {
    var findings = new Findings();
    var data = findings.find("form", () -> read(container, content));
    var signer = data == null ? null : findings.find("signers", () -> only(data.getSignerInfos().getSigners()));
    var holder =
        signer == null ? null : findings.find("certificate", () -> certificateOf(data, signer));
    if (holder != null) {
      judge(findings, data, signer, holder, demands);
    }
    return findings.results();
  }

  private static void judge(
      Findings findings, CMSSignedData data, SignerInformation signer, X509CertificateHolder holder, Demands demands) {
    X509Certificate leaf = Certificates.read(holder);
    findings.note("signature", () -> verify(signer, leaf));
    if (demands.cades()) {
      findings.note("signing-certificate", () -> checkSigningCertificate(signer.getSignedAttributes(), holder));
      findings.note("signing-time", () -> checkSigningTime(signer.getSignedAttributes(), demands.overFile()));
    }
    var evidence = findings.find("evidence", () -> Evidence.of(data, signer));
    if (evidence == null) {
      return;
    }
    TimeStampToken timestamp =
        demands.timestamp() ? findings.find("timestamp", () -> TimestampCheck.check(signer, evidence)) : null;
    Date at = demands.at() != null ? demands.at() : timeOf(signer, timestamp);
    PKIXCertPathBuilderResult path =
        findings.find("path", () -> Certificates.path(leaf, evidence.certificates(), demands.anchors(), at));
    if (demands.revocation() && path != null) {
      findings.note("revocation", () -> RevocationCheck.check(path, evidence, at));
    }
    if (timestamp != null) {
      TimestampCheck.judgeAuthority(findings, timestamp, evidence, demands, at);
    }
  }

  private static CMSSignedData read(byte[] container, byte[] content) throws Exception {
    var input = new ASN1InputStream(container);
    var info = ContentInfo.getInstance(input.readObject());
    for (byte rest : input.readAllBytes()) {
      // The hole in a PDF is filled with zeros
      Findings.require(rest == 0, "something follows it");
    }
    return new CMSSignedData(new CMSProcessableByteArray(content), info);
  }

  static <T> T only(Collection<T> all) {
    Findings.require(all.size() == 1, "there are " + all.size());
    return all.iterator().next();
  }

  // The store is declared without its type
  @SuppressWarnings("unchecked")
  private static X509CertificateHolder certificateOf(CMSSignedData data, SignerInformation signer) {
    Collection<X509CertificateHolder> matching = data.getCertificates().getMatches(signer.getSID());
    return only(matching);
  }

  private static void verify(SignerInformation signer, X509Certificate leaf) throws Exception {
    var verifier = new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(leaf);
    Findings.require(signer.verify(verifier), "it is not that of the certificate over these attributes");
  }

  /** RFC 5035 3: hash, and where it is given issuer and serial number, of the first are those of the signer. */
  private static void checkSigningCertificate(AttributeTable signed, X509CertificateHolder leaf) throws Exception {
    Attribute attribute = signed.get(PKCSObjectIdentifiers.id_aa_signingCertificateV2);
    Findings.require(attribute != null, "there is none");
    ESSCertIDv2 id = SigningCertificateV2.getInstance(only(Arrays.asList(attribute.getAttributeValues()))).getCerts()[0];
    var digest = MessageDigest.getInstance(id.getHashAlgorithm().getAlgorithm().getId(), "BC");
    Findings.require(
        Arrays.equals(digest.digest(leaf.getEncoded()), id.getCertHash()), "it is the hash of another certificate");
    IssuerSerial serial = id.getIssuerSerial();
    Findings.require(
        serial == null
            || serial.getSerial().hasValue(leaf.getSerialNumber())
                && serial.getIssuer().getNames()[0].getName().equals(leaf.getIssuer()),
        "issuer and serial number are those of another certificate");
  }

  private static void checkSigningTime(AttributeTable signed, boolean isWanted) {
    boolean isThere = signed.get(CMSAttributes.signingTime) != null;
    Findings.require(isThere == isWanted, isWanted ? "CAdES requires it" : "PAdES forbids it");
  }

  /** The authority's time, else the one that the signer claims, else now. */
  private static Date timeOf(SignerInformation signer, TimeStampToken timestamp) {
    if (timestamp != null) {
      return timestamp.getTimeStampInfo().getGenTime();
    }
    Attribute claimed = signer.getSignedAttributes().get(CMSAttributes.signingTime);
    return claimed == null ? new Date() : Time.getInstance(claimed.getAttributeValues()[0]).getDate();
  }
}
