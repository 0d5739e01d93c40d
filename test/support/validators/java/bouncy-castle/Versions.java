import org.apache.pdfbox.util.Version;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/** Prints the versions of what judges. */
public final class Versions {
  public static void main(String[] args) {
    System.out.println(
        "Bouncy Castle " + new BouncyCastleProvider().getVersionStr()
            + ", PDFBox " + Version.getVersion()
            + ", Java " + Runtime.version().feature());
  }
}
