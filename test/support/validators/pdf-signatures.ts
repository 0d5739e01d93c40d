export interface PdfSignature {
  /** Offset and length before the Contents string, offset and length after it. */
  byteRange: [number, number, number, number]
  /** DER of the container, without the zeros that fill the hole. */
  cms: Buffer
  /** The bytes that the ByteRange covers. */
  signedBytes: Buffer
}

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
 */
export function readPdfSignatures(pdf: Uint8Array): PdfSignature[] {
  const bytes = Buffer.from(pdf.buffer, pdf.byteOffset, pdf.byteLength)
  const pattern = /\/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]/g
  return [...bytes.toString('latin1').matchAll(pattern)].map((match) => {
    const byteRange = match.slice(1).map(Number) as PdfSignature['byteRange']
    const [start, length, secondStart, secondLength] = byteRange
    const hole = bytes.toString('latin1', start + length + 1, secondStart - 1)
    const contents = Buffer.from(hole, 'hex')
    return {
      byteRange,
      cms: contents.subarray(0, derLength(contents)),
      signedBytes: Buffer.concat([
        bytes.subarray(start, start + length),
        bytes.subarray(secondStart, secondStart + secondLength),
      ]),
    }
  })
}
