import java.security.MessageDigest;
import java.security.cert.PKIXCertPathBuilderResult;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Date;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.tsp.TimeStampToken;

/** The signature timestamp (EN 319 122-1 5.3). */
final class TimestampCheck {
  /** Returns the token, which is over the signature value and signed by the certificate that it is said to be. */
  static TimeStampToken check(SignerInformation signer, Evidence evidence) throws Exception {
    TimeStampToken token = tokenOf(signer);
    var info = token.getTimeStampInfo();
    var digest = MessageDigest.getInstance(info.getMessageImprintAlgOID().getId(), "BC");
    Findings.require(
        Arrays.equals(digest.digest(signer.getSignature()), info.getMessageImprintDigest()),
        "it is over other bytes than the signature");
    evidence.add(token.toCMSSignedData());
    X509Certificate authority = certificateOf(token, evidence);
    token.validate(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(authority));
    return token;
  }

  /** The authority's chain at the time of the timestamp, and for b-lt what is known of its revocation. */
  static void judgeAuthority(
      Findings findings, TimeStampToken token, Evidence evidence, Demands demands, Date at) {
    PKIXCertPathBuilderResult path =
        findings.find(
            "timestamp-path",
            () ->
                Certificates.path(
                    certificateOf(token, evidence), evidence.certificates(), demands.timestampAnchors(), at));
    if (demands.revocation() && path != null) {
      findings.note("timestamp-revocation", () -> RevocationCheck.check(path, evidence, at));
    }
  }

  private static TimeStampToken tokenOf(SignerInformation signer) throws Exception {
    var unsigned = signer.getUnsignedAttributes();
    Findings.require(
        unsigned != null && unsigned.get(PKCSObjectIdentifiers.id_aa_signatureTimeStampToken) != null, "there is none");
    var attributes = unsigned.getAll(PKCSObjectIdentifiers.id_aa_signatureTimeStampToken);
    Findings.require(attributes.size() == 1, "there are several");
    ASN1Encodable[] values =
        unsigned.get(PKCSObjectIdentifiers.id_aa_signatureTimeStampToken).getAttributeValues();
    return new TimeStampToken(
        new CMSSignedData(ContentInfo.getInstance(ContainerCheck.only(Arrays.asList(values)))));
  }

  private static X509Certificate certificateOf(TimeStampToken token, Evidence evidence) {
    return ContainerCheck.only(
        evidence.holders().stream().filter(token.getSID()::match).map(Certificates::read).toList());
  }
}
