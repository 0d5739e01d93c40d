import java.io.ByteArrayInputStream;
import java.security.GeneralSecurityException;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.PKIXCertPathBuilderResult;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.Date;
import java.util.Set;
import java.util.stream.Collectors;
import org.bouncycastle.cert.X509CertificateHolder;

final class Certificates {
  /** Of a PEM file. */
  static Set<TrustAnchor> anchors(byte[] pem) throws GeneralSecurityException {
    return factory().generateCertificates(new ByteArrayInputStream(pem)).stream()
        .map(one -> new TrustAnchor((X509Certificate) one, null))
        .collect(Collectors.toSet());
  }

  /** As the JDK reads it. */
  static X509Certificate read(X509CertificateHolder holder) {
    try {
      return (X509Certificate) factory().generateCertificate(new ByteArrayInputStream(holder.getEncoded()));
    } catch (Exception e) {
      throw new IllegalArgumentException("a certificate cannot be read: " + e.getMessage(), e);
    }
  }

  /** The path that Bouncy Castle finds from a certificate to an anchor, all of which is valid at a time. */
  static PKIXCertPathBuilderResult path(
      X509Certificate leaf, Collection<X509Certificate> others, Set<TrustAnchor> anchors, Date at)
      throws GeneralSecurityException {
    var target = new X509CertSelector();
    target.setCertificate(leaf);
    var parameters = new PKIXBuilderParameters(anchors, target);
    parameters.setDate(at);
    parameters.setRevocationEnabled(false);
    parameters.addCertStore(
        CertStore.getInstance("Collection", new CollectionCertStoreParameters(others)));
    return (PKIXCertPathBuilderResult) CertPathBuilder.getInstance("PKIX", "BC").build(parameters);
  }

  private static CertificateFactory factory() throws GeneralSecurityException {
    return CertificateFactory.getInstance("X.509", "SUN");
  }
}
