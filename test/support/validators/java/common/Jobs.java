import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Reads jobs from stdin, one a line, and answers each with one line of JSON. */
final class Jobs {
  interface Judge {
    Object judge(Job job) throws Exception;
  }

  static void answerAll(Judge judge) throws IOException {
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    String line = lines.readLine();
    while (line != null) {
      System.out.println(Json.write(answer(judge, line)));
      line = lines.readLine();
    }
  }

  private static Object answer(Judge judge, String line) {
    try {
      return judge.judge(Job.parse(line));
    } catch (Exception e) {
      return Map.of("error", e.toString());
    }
  }
}
