import { PDFHexString, PDFString } from 'pdf-lib'

/** A PDF text string: a literal where ASCII is enough, UTF-16BE with its byte order mark elsewhere (ISO 32000-2 7.9.2.2). */
export function pdfText(text: string): PDFString | PDFHexString {
  if (!/^[\x20-\x7e]*$/.test(text)) return PDFHexString.fromText(text)
  return PDFString.of(text.replaceAll(/[\\()]/g, '\\$&'))
}
