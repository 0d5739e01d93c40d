import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Date;
import java.util.HashMap;
import java.util.Map;

/** One line of the input: `name=value`, separated by tabs. */
record Job(Map<String, String> fields) {
  static Job parse(String line) {
    var fields = new HashMap<String, String>();
    for (String field : line.split("\t")) {
      int separator = field.indexOf('=');
      fields.put(field.substring(0, separator), field.substring(separator + 1));
    }
    return new Job(fields);
  }

  boolean has(String name) {
    return fields.containsKey(name);
  }

  /** Content of the file that a field names. */
  byte[] bytes(String name) throws IOException {
    return Files.readAllBytes(Path.of(fields.get(name)));
  }

  Demands demands() throws IOException, GeneralSecurityException {
    return new Demands(
        Certificates.anchors(bytes("anchors")),
        has("timestampAnchors") ? Certificates.anchors(bytes("timestampAnchors")) : null,
        "cades".equals(fields.get("type")),
        "b-t".equals(fields.get("level")) || "b-lt".equals(fields.get("level")),
        "b-lt".equals(fields.get("level")),
        has("at") ? new Date(Long.parseLong(fields.get("at"))) : null);
  }
}
