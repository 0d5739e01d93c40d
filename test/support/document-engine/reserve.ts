import { PDFHexString, PDFString } from 'pdf-lib'
import { appendUpdate, change, loadPdf } from './incremental-update.ts'
import { refuseLocked } from './locks.ts'
import { pdfText } from './pdf-text.ts'
import { addSignatureField } from './signature-field.ts'

/** Ten digits: as many as the longest offset in a cross-reference table has, so that any real value fits. */
const OFFSET_PLACEHOLDER = 9999999999

/** Offset and length of the bytes before the Contents string, offset and length of those after it. */
export type ByteRange = [number, number, number, number]

export interface ReserveInput {
  pdf: Uint8Array
  subFilter: string
  /** Bytes to reserve for the container; their hex takes twice as many in the file. */
  estimatedSize: number
  signingTime: Date
  name?: string | undefined
  reason?: string | undefined
  location?: string | undefined
}

export interface Reservation {
  /** The original bytes, then an incremental update whose Contents is all zeros and whose ByteRange is final. */
  pdf: Buffer
  byteRange: ByteRange
  fieldName: string
}

/**
 * Adds a signature field and an empty signature to a PDF as an incremental update, so that earlier signatures stay
 * valid, and works out the ByteRange: the whole file but the Contents string with its angle brackets
 * (ISO 32000-2 12.8.1).
 *
 * @throws SignPdfError NOT_A_PDF, ENCRYPTED_PDF, LOCKED_PDF
 */
export async function reserve(input: ReserveInput): Promise<Reservation> {
  const doc = await loadPdf(input.pdf)
  refuseLocked(doc)
  const { context } = doc
  const contents = PDFHexString.of('0'.repeat(input.estimatedSize * 2))
  const placeholder = context.obj([0, OFFSET_PLACEHOLDER, OFFSET_PLACEHOLDER, OFFSET_PLACEHOLDER])
  const dict = context.obj({
    Type: 'Sig',
    Filter: 'Adobe.PPKLite',
    SubFilter: input.subFilter,
    ByteRange: placeholder,
    Contents: contents,
    M: PDFString.fromDate(input.signingTime),
    Name: input.name === undefined ? undefined : pdfText(input.name),
    Reason: input.reason === undefined ? undefined : pdfText(input.reason),
    Location: input.location === undefined ? undefined : pdfText(input.location),
  })
  const fieldName = change(() => addSignatureField(doc, context.register(dict)))
  const pdf = await appendUpdate(doc, input.pdf)

  const start = pdf.indexOf(dict.toString(), input.pdf.byteLength, 'latin1')
  const holeStart = pdf.indexOf(contents.toString(), start, 'latin1')
  const holeEnd = holeStart + contents.sizeInBytes()
  const byteRange: ByteRange = [0, holeStart, holeEnd, pdf.byteLength - holeEnd]

  const width = placeholder.sizeInBytes()
  const written = `[${byteRange.join(' ')}]`.padEnd(width)
  pdf.write(written, pdf.indexOf(placeholder.toString(), start, 'latin1'), width, 'latin1')
  return { pdf, byteRange, fieldName }
}
