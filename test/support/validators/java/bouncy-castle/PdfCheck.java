import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.PDSignature;
import org.apache.pdfbox.pdmodel.interactive.form.PDSignatureField;

/** The signatures of a PDF as PDFBox finds them, in the order of the file. */
final class PdfCheck {
  static List<Map<String, Object>> check(byte[] pdf, Demands demands) throws IOException {
    var signatures = new ArrayList<Map<String, Object>>();
    try (PDDocument document = PDDocument.load(pdf)) {
      for (PDSignatureField field : document.getSignatureFields()) {
        PDSignature signature = field.getSignature();
        if (signature != null) {
          signatures.add(describe(pdf, field, signature, demands));
        }
      }
    }
    signatures.sort((a, b) -> Integer.compare((int) a.get("end"), (int) b.get("end")));
    return signatures;
  }

  private static Map<String, Object> describe(
      byte[] pdf, PDSignatureField field, PDSignature signature, Demands demands) throws IOException {
    int[] range = signature.getByteRange();
    int end = range[2] + range[3];
    var findings = new Findings();
    findings.note("byte-range", () -> checkByteRange(pdf, range, signature.getContents()));
    var all = new LinkedHashMap<>(findings.results());
    if (all.containsValue("good")) {
      all.putAll(ContainerCheck.check(signature.getContents(pdf), signature.getSignedContent(pdf), demands));
    }
    var described = new LinkedHashMap<String, Object>();
    described.put("fieldName", field.getFullyQualifiedName());
    described.put("subFilter", signature.getSubFilter());
    described.put("wholeDocument", end == pdf.length);
    described.put("end", end);
    described.put("findings", all);
    return described;
  }

  /** ISO 32000-2 12.8.1: all of the file, or of one of its revisions, but for the string of the contents. */
  private static void checkByteRange(byte[] pdf, int[] range, byte[] contents) {
    Findings.require(range.length == 4 && range[0] == 0, "it does not begin with the file");
    int start = range[1];
    int end = range[2];
    Findings.require(pdf[start] == '<' && pdf[end - 1] == '>', "it leaves out something else than a hex string");
    Findings.require(end - start - 2 == 2 * contents.length, "it does not leave out the contents alone");
  }
}
