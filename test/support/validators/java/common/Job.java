import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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

  /** Returns null where there is no such field. */
  String text(String name) {
    return fields.get(name);
  }

  /** Returns the content of the file that a field names. */
  byte[] bytes(String name) throws IOException {
    return Files.readAllBytes(Path.of(fields.get(name)));
  }
}
