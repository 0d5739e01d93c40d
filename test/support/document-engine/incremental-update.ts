/** Reads PDFs to change them, and writes the changes behind the bytes that are there. */
import { EncryptedPDFError, PDFArray, type PDFDict, PDFDocument, PDFName, type PDFRef } from 'pdf-lib'
import { SignPdfError } from './errors.ts'

/** Where a reader looks for the header (ISO 32000-1 annex H, note 13). */
const HEADER_WINDOW = 1024

/**
 * Reads a PDF that is to get an incremental update.
 *
 * @throws SignPdfError NOT_A_PDF, ENCRYPTED_PDF
 */
export async function loadPdf(pdf: Uint8Array): Promise<PDFDocument> {
  const header = Buffer.from(pdf.subarray(0, HEADER_WINDOW)).indexOf('%PDF-')
  if (header < 0) {
    throw new SignPdfError('NOT_A_PDF', 'This is not a PDF: it does not begin with %PDF-')
  }
  if (header > 0) {
    // Readers count offsets from the header, or from the first byte: not all would find what is added
    const message = `This PDF has ${header} bytes before its header, %PDF-: remove them before signing`
    throw new SignPdfError('NOT_A_PDF', message)
  }
  try {
    const doc = await PDFDocument.load(pdf, { forIncrementalUpdate: true, updateMetadata: false })
    if (doc.getPageCount() === 0) throw new Error('it has no page')
    return doc
  } catch (cause) {
    if (cause instanceof EncryptedPDFError) {
      throw new SignPdfError('ENCRYPTED_PDF', 'This PDF is encrypted; decrypt it before signing', { cause })
    }
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new SignPdfError('NOT_A_PDF', `This PDF cannot be read: ${reason}`, { cause })
  }
}

/**
 * Does what changes a PDF.
 *
 * @throws SignPdfError NOT_A_PDF where an object in it is not of the type that it has to be of
 */
export function change<T>(act: () => T): T {
  try {
    return act()
  } catch (cause) {
    throw new SignPdfError('NOT_A_PDF', `This PDF cannot be changed: ${(cause as Error).message}`, { cause })
  }
}

/** Returns the bytes of `pdf`, which `doc` was loaded from, and behind them an update with all that was changed. */
export async function appendUpdate(doc: PDFDocument, pdf: Uint8Array): Promise<Buffer> {
  return Buffer.from(await doc.commit({ useObjectStreams: usesXrefStream(doc, pdf) }))
}

/** Returns whether the newest cross-reference section is a stream: an update is to use the kind it finds (ISO 32000-2 7.5.8). */
function usesXrefStream(doc: PDFDocument, pdf: Uint8Array): boolean {
  const start = doc.context.pdfFileDetails.prevStartXRef
  return !Buffer.from(pdf.subarray(start, start + 8))
    .toString('latin1')
    .trimStart()
    .startsWith('xref')
}

/**
 * Appends to an array that may be missing, direct or an indirect object. Each change marks the indirect object around
 * it for the update.
 */
export function appendTo(doc: PDFDocument, dict: PDFDict, key: string, item: PDFRef): void {
  const name = PDFName.of(key)
  const array = dict.lookupMaybe(name, PDFArray)
  if (array) array.push(item)
  else dict.set(name, doc.context.obj([item]))
}
