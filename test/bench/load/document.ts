/** Documents that cost next to nothing to make: one part, repeated. */
import type { DocumentKind } from './messages.ts'

/** A multiple of three, so that parts are encoded each by itself. */
const PART = Buffer.alloc(48 * 1024, 'a part of a document, ')

const ENCODED_PART = Buffer.from(PART.toString('base64'))

export function documentBytes({ size }: DocumentKind): Buffer {
  return Buffer.alloc(size, PART)
}

/** The body of the request to sign it, in parts. */
export function* documentBody({ size, hashAlgorithm }: DocumentKind): Generator<Buffer> {
  const algorithm = '"hash_algorithm":"sha256"'
  const before = hashAlgorithm === 'before' ? `${algorithm},` : ''
  const behind = hashAlgorithm === 'behind' ? `,${algorithm}` : ''
  yield Buffer.from(`{"action":"sign_pkcs7","signature_type":"cades",${before}"encoded_contents":"`)
  for (let left = size; left > 0; left -= PART.length) {
    yield left >= PART.length ? ENCODED_PART : Buffer.from(PART.toString('base64', 0, left))
  }
  yield Buffer.from(`"${behind}}`)
}
