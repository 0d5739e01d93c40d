import java.io.IOException;
import java.net.URL;
import java.security.Security;
import java.util.Map;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/** Judges containers, PDFs and chains with Bouncy Castle, Apache PDFBox and the JDK's own PKIX. Never uses the network. */
public final class Validate {
  public static void main(String[] args) throws IOException {
    Security.addProvider(new BouncyCastleProvider());
    URL.setURLStreamHandlerFactory(new NoNetwork());
    Jobs.answerAll(Validate::judge);
  }

  private static Object judge(Job job) throws Exception {
    if (job.has("chain")) {
      return Map.of("findings", ChainCheck.check(job.bytes("chain"), job.bytes("anchors")));
    }
    var demands = Demands.of(job);
    return job.has("pdf")
        ? Map.of("signatures", PdfCheck.check(job.bytes("pdf"), demands))
        : Map.of("findings", ContainerCheck.check(job.bytes("cms"), job.bytes("content"), demands));
  }
}
