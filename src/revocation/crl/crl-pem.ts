const BEGIN = '-----BEGIN X509 CRL-----'
const END = '-----END X509 CRL-----'

/**
 * Decodes a CRL in PEM (RFC 7468 6), which may have text before and after it.
 *
 * @returns DER; undefined if the content is not PEM
 */
export function readPem(content: Buffer): Buffer | undefined {
  const begin = content.indexOf(BEGIN)
  const end = content.indexOf(END, begin)
  return begin < 0 || end < 0
    ? undefined
    : Buffer.from(content.toString('latin1', begin + BEGIN.length, end), 'base64')
}
