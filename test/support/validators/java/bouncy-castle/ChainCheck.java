import java.io.ByteArrayInputStream;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.util.List;
import java.util.Map;

/** A chain without its anchor, leaf first, as the JDK's own PKIX and that of Bouncy Castle judge it without revocation. */
final class ChainCheck {
  static Map<String, String> check(byte[] chain, byte[] anchors) {
    var findings = new Findings();
    for (String provider : List.of("SUN", "BC")) {
      findings.note(provider, () -> validate(provider, chain, anchors));
    }
    return findings.results();
  }

  private static void validate(String provider, byte[] chain, byte[] anchors) throws Exception {
    var factory = CertificateFactory.getInstance("X.509", provider);
    var parameters = new PKIXParameters(Certificates.anchors(anchors));
    parameters.setRevocationEnabled(false);
    var path = factory.generateCertPath(List.copyOf(factory.generateCertificates(new ByteArrayInputStream(chain))));
    CertPathValidator.getInstance("PKIX", provider).validate(path, parameters);
  }
}
