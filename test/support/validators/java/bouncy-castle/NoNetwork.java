import java.io.IOException;
import java.net.URL;
import java.net.URLConnection;
import java.net.URLStreamHandler;
import java.net.URLStreamHandlerFactory;
import java.util.Set;

/** Whoever opens an address, as the JDK's check of revocation would, fails: containers must bring all that is needed. */
final class NoNetwork implements URLStreamHandlerFactory {
  private static final Set<String> REMOTE = Set.of("http", "https", "ftp");

  @Override
  public URLStreamHandler createURLStreamHandler(String protocol) {
    return REMOTE.contains(protocol) ? new Refusing() : null;
  }

  private static final class Refusing extends URLStreamHandler {
    @Override
    protected URLConnection openConnection(URL url) throws IOException {
      throw new IOException("the network is not used");
    }
  }
}
