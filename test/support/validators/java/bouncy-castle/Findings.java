import java.util.LinkedHashMap;
import java.util.Map;

/** What each check came to, by its name: `good`, or what is wrong. */
final class Findings {
  interface Check<T> {
    T run() throws Exception;
  }

  interface Step {
    void run() throws Exception;
  }

  private final Map<String, String> results = new LinkedHashMap<>();

  /** Notes what became of a check. Returns null where it failed. */
  <T> T find(String name, Check<T> check) {
    try {
      T found = check.run();
      results.put(name, "good");
      return found;
    } catch (Exception e) {
      results.put(name, e.getMessage() == null ? e.toString() : e.getMessage());
      return null;
    }
  }

  void note(String name, Step step) {
    find(
        name,
        () -> {
          step.run();
          return null;
        });
  }

  Map<String, String> results() {
    return results;
  }

  static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }
}
