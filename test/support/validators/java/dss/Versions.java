import eu.europa.esig.dss.validation.SignedDocumentValidator;
import java.io.IOException;
import java.util.Properties;

/** Prints the version of what judges. */
public final class Versions {
  public static void main(String[] args) throws IOException {
    var properties = new Properties();
    try (var file = SignedDocumentValidator.class.getResourceAsStream(
        "/META-INF/maven/eu.europa.ec.joinup.sd-dss/dss-validation/pom.properties")) {
      properties.load(file);
    }
    System.out.println("EU DSS " + properties.getProperty("version"));
  }
}
