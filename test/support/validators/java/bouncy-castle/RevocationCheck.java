import java.io.ByteArrayInputStream;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXCertPathBuilderResult;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bouncycastle.asn1.ocsp.OCSPObjectIdentifiers;
import org.bouncycastle.cert.X509CRLHolder;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateHolder;
import org.bouncycastle.cert.ocsp.BasicOCSPResp;
import org.bouncycastle.cert.ocsp.OCSPException;
import org.bouncycastle.cert.ocsp.OCSPResp;
import org.bouncycastle.cert.ocsp.OCSPRespBuilder;
import org.bouncycastle.cert.ocsp.SingleResp;
import org.bouncycastle.operator.ContentVerifierProvider;
import org.bouncycastle.operator.DigestCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * Whether OCSP answers and CRLs of a container say of each certificate of a path, but its anchor, that it was not revoked:
 * the JDK's PKIX is given them, and no network.
 */
final class RevocationCheck {
  /** Throws where one is revoked, or nothing that counts at that time is there about it. */
  static void check(PKIXCertPathBuilderResult path, Evidence evidence, Date at) throws Exception {
    var certificates = new ArrayList<X509Certificate>();
    for (var one : path.getCertPath().getCertificates()) {
      certificates.add(Certificates.read(new X509CertificateHolder(one.getEncoded())));
    }
    check(certificates, path.getTrustAnchor(), evidence, at);
  }

  private static void check(List<X509Certificate> path, TrustAnchor anchor, Evidence evidence, Date at)
      throws Exception {
    var validator = CertPathValidator.getInstance("PKIX", "SUN");
    var checker = (PKIXRevocationChecker) validator.getRevocationChecker();
    Map<X509Certificate, byte[]> answers = new HashMap<>();
    for (int index = 0; index < path.size(); index++) {
      X509Certificate issuer = index + 1 < path.size() ? path.get(index + 1) : anchor.getTrustedCert();
      Optional<BasicOCSPResp> answer = answerAbout(path.get(index), issuer, evidence);
      if (answer.isPresent()) {
        OCSPResp whole = new OCSPRespBuilder().build(OCSPRespBuilder.SUCCESSFUL, answer.get());
        answers.put(path.get(index), whole.getEncoded());
        checkResponder(answer.get(), issuer, path.subList(index + 1, path.size()), anchor, evidence, at);
      }
    }
    checker.setOcspResponses(answers);
    var factory = CertificateFactory.getInstance("X.509", "SUN");
    var all = new ArrayList<Object>(evidence.certificates());
    for (X509CRLHolder crl : evidence.crls()) {
      all.add(factory.generateCRL(new ByteArrayInputStream(crl.getEncoded())));
    }
    var parameters = new PKIXParameters(Set.of(anchor));
    parameters.setDate(at);
    parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(all)));
    parameters.addCertPathChecker(checker);
    try {
      validator.validate(factory.generateCertPath(path), parameters);
    } catch (CertPathValidatorException e) {
      String subject = e.getIndex() < 0 ? "the path" : path.get(e.getIndex()).getSubjectX500Principal().getName();
      boolean revoked = e.getReason() == CertPathValidatorException.BasicReason.REVOKED;
      throw new IllegalStateException(subject + (revoked ? " is revoked" : " may be revoked: " + e.getMessage()), e);
    }
  }

  /** The latest answer about a certificate. */
  private static Optional<BasicOCSPResp> answerAbout(
      X509Certificate certificate, X509Certificate issuer, Evidence evidence) throws Exception {
    DigestCalculatorProvider digests = new JcaDigestCalculatorProviderBuilder().setProvider("BC").build();
    var holder = new JcaX509CertificateHolder(issuer);
    BasicOCSPResp found = null;
    Date latest = null;
    for (BasicOCSPResp response : evidence.responses()) {
      for (SingleResp single : response.getResponses()) {
        if (single.getCertID().getSerialNumber().equals(certificate.getSerialNumber())
            && single.getCertID().matchesIssuer(holder, digests)
            && (latest == null || single.getThisUpdate().after(latest))) {
          found = response;
          latest = single.getThisUpdate();
        }
      }
    }
    return Optional.ofNullable(found);
  }

  /** RFC 6960 4.2.2.2.1: a responder of its own says that it need not be checked, or is checked as others are. */
  private static void checkResponder(
      BasicOCSPResp response,
      X509Certificate issuer,
      List<X509Certificate> issuers,
      TrustAnchor anchor,
      Evidence evidence,
      Date at)
      throws Exception {
    var verifiers = new JcaContentVerifierProviderBuilder().setProvider("BC");
    if (isSignedBy(response, verifiers.build(issuer))) {
      return;
    }
    for (X509CertificateHolder responder : response.getCerts()) {
      if (isSignedBy(response, verifiers.build(responder))) {
        if (responder.getExtension(OCSPObjectIdentifiers.id_pkix_ocsp_nocheck) == null) {
          var path = new ArrayList<>(List.of(Certificates.read(responder)));
          path.addAll(issuers);
          check(path, anchor, evidence, at);
        }
        return;
      }
    }
    throw new IllegalStateException("the signer of an OCSP response is not in it");
  }

  /** A key of another type than that of the signature throws. */
  private static boolean isSignedBy(BasicOCSPResp response, ContentVerifierProvider verifiers) {
    try {
      return response.isSignatureValid(verifiers);
    } catch (OCSPException | RuntimeException e) {
      return false;
    }
  }
}
