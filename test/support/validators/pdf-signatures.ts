export interface PdfSignature {
  /** Offset and length before the Contents string, offset and length after it. */
  byteRange: [number, number, number, number]
  /** DER of the container, without the zeros that fill the hole. */
  cms: Buffer
  /** The bytes that the ByteRange covers; a copy, made when it is asked for, since many signatures cover all of a large file. */
  readonly signedBytes: Buffer
  /** Whether the ByteRange covers the whole file but one hex string, which the container is in. */
  readonly coversAll: boolean
}

/** Most signatures of a file that are read. */
const MAX_SIGNATURES = 100

/** Length of the DER value at the start of `bytes`, tag and length octets included (X.690 8.1.3). */
function derLength(bytes: Uint8Array): number {
  const first = bytes[1] ?? 0
  if (first < 0x80) return 2 + first
  let length = 0
  for (const octet of bytes.subarray(2, 2 + (first & 0x7f))) length = length * 256 + octet
  return 2 + (first & 0x7f) + length
}

/**
 * Takes the signatures out of a PDF, in the order of the file, by looking for ByteRange in its bytes. Enough for PDFs
 * whose text does not speak of ByteRange, and independent of any PDF library.
 *
 * @throws Error if there are more than a hundred
 */
export function readPdfSignatures(pdf: Uint8Array): PdfSignature[] {
  const bytes = Buffer.from(pdf.buffer, pdf.byteOffset, pdf.byteLength)
  const pattern = /\/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]/g
  const signatures: PdfSignature[] = []
  for (const match of bytes.toString('latin1').matchAll(pattern)) {
    const byteRange = match.slice(1).map(Number) as PdfSignature['byteRange']
    const [start, length, secondStart, secondLength] = byteRange
    const hole = bytes.toString('latin1', start + length, secondStart)
    const contents = Buffer.from(hole.slice(1, -1), 'hex')
    signatures.push({
      byteRange,
      cms: contents.subarray(0, derLength(contents)),
      get signedBytes() {
        return Buffer.concat([
          bytes.subarray(start, start + length),
          bytes.subarray(secondStart, secondStart + secondLength),
        ])
      },
      coversAll: start === 0 && secondStart + secondLength === bytes.length && /^<[0-9A-Fa-f]*>$/.test(hole),
    })
    if (signatures.length > MAX_SIGNATURES) throw new Error(`It has more than ${MAX_SIGNATURES} signatures`)
  }
  return signatures
}
