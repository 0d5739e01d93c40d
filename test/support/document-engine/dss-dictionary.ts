import { decodePDFRawStream, PDFArray, PDFDict, type PDFDocument, PDFName, PDFRawStream } from 'pdf-lib'
import { appendTo, appendUpdate, change, loadPdf } from './incremental-update.ts'

/** All that a validator needs to know about the certificates of signatures, so that it need ask nobody. Each is DER. */
export interface ValidationData {
  readonly certificates: readonly Uint8Array[]
  /** OCSPResponse (RFC 6960 4.2.1). */
  readonly ocspResponses: readonly Uint8Array[]
  /** CertificateList (RFC 5280 5.1). */
  readonly crls: readonly Uint8Array[]
}

/**
 * Adds validation data to the DSS dictionary of a PDF (ISO 32000-2 12.8.4.3, EN 319 142-1 5.4.2.2), and the dictionary
 * where there is none, in an incremental update. What the dictionary has is not added again. VRI is left out: the data
 * is about all signatures of the PDF.
 *
 * @returns the bytes of `pdf`, then the update
 * @throws SignPdfError NOT_A_PDF, ENCRYPTED_PDF
 */
export async function addDssDictionary(pdf: Uint8Array, data: ValidationData): Promise<Buffer> {
  const doc = await loadPdf(pdf)
  change(() => addTo(doc, data))
  return appendUpdate(doc, pdf)
}

function addTo(doc: PDFDocument, data: ValidationData): void {
  const key = PDFName.of('DSS')
  const existing = doc.catalog.lookupMaybe(key, PDFDict)
  const dictionary = existing ?? doc.context.obj({})
  for (const [name, values] of [
    ['Certs', data.certificates],
    ['OCSPs', data.ocspResponses],
    ['CRLs', data.crls],
  ] as const) {
    const present = new Set(streamsOf(dictionary, name).map(identityOf))
    for (const value of values) {
      if (!present.has(identityOf(value))) {
        present.add(identityOf(value))
        appendTo(doc, dictionary, name, doc.context.register(doc.context.stream(value)))
      }
    }
  }
  if (existing === undefined) doc.catalog.set(key, doc.context.register(dictionary))
}

function identityOf(der: Uint8Array): string {
  return Buffer.from(der).toString('base64')
}

/** Returns the decoded contents of the streams of an array that may be missing. */
function streamsOf(dictionary: PDFDict, name: string): Uint8Array[] {
  const array = dictionary.lookupMaybe(PDFName.of(name), PDFArray)
  if (array === undefined) return []
  return array.asArray().map((_, index) => decodePDFRawStream(array.lookup(index, PDFRawStream)).decode())
}
