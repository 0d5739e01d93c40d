import eu.europa.esig.dss.enumerations.Indication;
import eu.europa.esig.dss.jaxb.object.Message;
import eu.europa.esig.dss.model.InMemoryDocument;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.service.crl.OnlineCRLSource;
import eu.europa.esig.dss.service.ocsp.OnlineOCSPSource;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.simplereport.jaxb.XmlTimestamp;
import eu.europa.esig.dss.spi.validation.CertificateVerifier;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Judges containers and PDFs with EU DSS by its default policy. It asks OCSP responders and fetches CRLs where a job has
 * the field `online`, and nobody otherwise.
 */
public final class Validate {
  public static void main(String[] args) throws IOException {
    Jobs.answerAll(Validate::judge);
  }

  private static Object judge(Job job) throws Exception {
    var validator =
        SignedDocumentValidator.fromDocument(new InMemoryDocument(job.bytes(job.has("pdf") ? "pdf" : "cms")));
    if (job.has("content")) {
      validator.setDetachedContents(List.of(new InMemoryDocument(job.bytes("content"))));
    }
    validator.setCertificateVerifier(verifier(job));
    SimpleReport report = validator.validateDocument().getSimpleReport();
    return Map.of("signatures", report.getSignatureIdList().stream().map(id -> describe(report, id)).toList());
  }

  private static CertificateVerifier verifier(Job job) throws IOException, CertificateException {
    var trusted = new CommonTrustedCertificateSource();
    for (String name : List.of("anchors", "timestampAnchors")) {
      var pem = new ByteArrayInputStream(job.bytes(name));
      for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
        trusted.addCertificate(new CertificateToken((X509Certificate) one));
      }
    }
    var verifier = new CommonCertificateVerifier();
    verifier.setTrustedCertSources(trusted);
    if (job.has("online")) {
      verifier.setOcspSource(new OnlineOCSPSource());
      verifier.setCrlSource(new OnlineCRLSource());
    }
    return verifier;
  }

  private static Map<String, Object> describe(SimpleReport report, String id) {
    return Map.of(
        "format", report.getSignatureFormat(id).toString(),
        "complaints", complaints(report, id),
        "warnings", textsOf(report.getAdESValidationWarnings(id)));
  }

  /** Returns what keeps the signature from TOTAL_PASSED, and each of its timestamps from PASSED. */
  private static List<String> complaints(SimpleReport report, String id) {
    var complaints = new ArrayList<String>();
    if (report.getIndication(id) != Indication.TOTAL_PASSED) {
      complaints.add(report.getIndication(id) + " " + report.getSubIndication(id));
      complaints.addAll(textsOf(report.getAdESValidationErrors(id)));
    }
    for (XmlTimestamp timestamp : report.getSignatureTimestamps(id)) {
      if (timestamp.getIndication() != Indication.PASSED) {
        complaints.add("timestamp: " + timestamp.getIndication() + " " + timestamp.getSubIndication());
      }
    }
    return complaints;
  }

  private static List<String> textsOf(List<Message> messages) {
    return messages.stream().map(Message::getValue).toList();
  }
}
