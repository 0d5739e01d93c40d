import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.cert.TrustAnchor;
import java.util.Date;
import java.util.Set;

/**
 * The demands that a container is held to.
 *
 * @param timestampAnchors null where no timestamp is wanted
 * @param cades whether the attribute signing-certificate-v2 is wanted
 * @param overFile whether cades is over a file, which wants signing-time (EN 319 122-1 6.3), and not in a PDF, which
 *     forbids it (EN 319 142-1 6.3)
 * @param at the time of judgement; null for the time of the signature
 */
record Demands(
    Set<TrustAnchor> anchors,
    Set<TrustAnchor> timestampAnchors,
    boolean cades,
    boolean overFile,
    boolean timestamp,
    boolean revocation,
    Date at) {
  static Demands of(Job job) throws IOException, GeneralSecurityException {
    String level = job.text("level");
    return new Demands(
        Certificates.anchors(job.bytes("anchors")),
        job.has("timestampAnchors") ? Certificates.anchors(job.bytes("timestampAnchors")) : null,
        "cades".equals(job.text("type")),
        job.has("overFile"),
        "b-t".equals(level) || "b-lt".equals(level),
        "b-lt".equals(level),
        job.has("at") ? new Date(Long.parseLong(job.text("at"))) : null);
  }
}
