import { SignPdfError } from './errors.ts'
import type { ByteRange } from './reserve.ts'

/** The bytes that the signature covers: all but the Contents string. */
export function signedBytes(pdf: Uint8Array, [start, length, secondStart, secondLength]: ByteRange): Buffer {
  return Buffer.concat([
    pdf.subarray(start, start + length),
    pdf.subarray(secondStart, secondStart + secondLength),
  ])
}

/**
 * Writes the container (DER) as hex into the Contents hole of a reserved PDF, in place; the rest of the hole stays
 * zero.
 *
 * @throws SignPdfError CONTAINER_TOO_LARGE
 */
export function embed(pdf: Buffer, byteRange: ByteRange, container: Uint8Array): void {
  const holeStart = byteRange[0] + byteRange[1] + 1
  const reserved = (byteRange[2] - 1 - holeStart) / 2
  if (container.byteLength > reserved) {
    throw new SignPdfError(
      'CONTAINER_TOO_LARGE',
      `The signature container has ${container.byteLength} bytes, but ${reserved} are reserved for it`,
    )
  }
  pdf.write(Buffer.from(container).toString('hex'), holeStart, 'latin1')
}
