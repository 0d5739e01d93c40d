import java.util.Collection;
import java.util.Map;
import java.util.stream.Collectors;

/** JSON of maps, lists, strings, numbers and booleans. */
final class Json {
  static String write(Object value) {
    if (value instanceof Map<?, ?> map) {
      return map.entrySet().stream()
          .map(entry -> write(entry.getKey()) + ":" + write(entry.getValue()))
          .collect(Collectors.joining(",", "{", "}"));
    }
    if (value instanceof Collection<?> list) {
      return list.stream().map(Json::write).collect(Collectors.joining(",", "[", "]"));
    }
    return value instanceof String text ? quote(text) : value.toString();
  }

  private static String quote(String text) {
    return text.chars()
        .mapToObj(unit -> unit < ' ' || unit > '~' || unit == '"' || unit == '\\'
            ? String.format("\\u%04x", unit)
            : String.valueOf((char) unit))
        .collect(Collectors.joining("", "\"", "\""));
  }
}
