import { EncryptedPDFError, PDFDocument, PDFHexString, PDFString } from 'pdf-lib'
import { SignPdfError } from './errors.ts'
import { pdfText } from './pdf-text.ts'
import { addSignatureField } from './signature-field.ts'

/** Where a reader looks for the header (ISO 32000-1 annex H, note 13). */
const HEADER_WINDOW = 1024

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

async function load(pdf: Uint8Array): Promise<PDFDocument> {
  if (!Buffer.from(pdf.subarray(0, HEADER_WINDOW)).includes('%PDF-')) {
    throw new SignPdfError('NOT_A_PDF', 'This is not a PDF: it does not begin with %PDF-')
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

/** Whether the newest cross-reference section is a stream: an update is to use the kind it finds (ISO 32000-2 7.5.8). */
function usesXrefStream(doc: PDFDocument, pdf: Uint8Array): boolean {
  const start = doc.context.pdfFileDetails.prevStartXRef
  return !Buffer.from(pdf.subarray(start, start + 8))
    .toString('latin1')
    .trimStart()
    .startsWith('xref')
}

/**
 * Adds a signature field and an empty signature to a PDF as an incremental update, so that earlier signatures stay
 * valid, and works out the ByteRange: the whole file but the Contents string with its angle brackets
 * (ISO 32000-2 12.8.1).
 *
 * @throws SignPdfError NOT_A_PDF, ENCRYPTED_PDF
 */
export async function reserve(input: ReserveInput): Promise<Reservation> {
  const doc = await load(input.pdf)
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
  const fieldName = addSignatureField(doc, context.register(dict))
  const pdf = Buffer.from(await doc.commit({ useObjectStreams: usesXrefStream(doc, input.pdf) }))

  const start = pdf.indexOf(dict.toString(), input.pdf.byteLength, 'latin1')
  const holeStart = pdf.indexOf(contents.toString(), start, 'latin1')
  const holeEnd = holeStart + contents.sizeInBytes()
  const byteRange: ByteRange = [0, holeStart, holeEnd, pdf.byteLength - holeEnd]

  const width = placeholder.sizeInBytes()
  const written = `[${byteRange.join(' ')}]`.padEnd(width)
  pdf.write(written, pdf.indexOf(placeholder.toString(), start, 'latin1'), width, 'latin1')
  return { pdf, byteRange, fieldName }
}
