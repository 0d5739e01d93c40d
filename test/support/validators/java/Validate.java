import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.security.Security;
import java.util.Map;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/**
 * Judges containers and PDFs with Bouncy Castle, Apache PDFBox and the JDK's own PKIX. Reads jobs from stdin, one a line,
 * and answers each with one line of JSON. Never uses the network.
 */
public final class Validate {
  public static void main(String[] args) throws IOException {
    Security.addProvider(new BouncyCastleProvider());
    URL.setURLStreamHandlerFactory(new NoNetwork());
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    String line = lines.readLine();
    while (line != null) {
      System.out.println(Json.write(answer(line)));
      line = lines.readLine();
    }
  }

  private static Object answer(String line) {
    try {
      Job job = Job.parse(line);
      if (job.has("pdf")) {
        return Map.of("signatures", PdfCheck.check(job.bytes("pdf"), job.demands()));
      }
      return Map.of("findings", ContainerCheck.check(job.bytes("cms"), job.bytes("content"), job.demands()));
    } catch (Exception e) {
      return Map.of("error", e.toString());
    }
  }
}
