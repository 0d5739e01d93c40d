/** Most bytes of a PIN or a password; a larger file holds something else. */
const MAX_BYTES = 16_384
const MARKS_OF_UTF_16 = ['fffe', 'feff']
/** Matches invisible characters: those for control and format, and those that could not be decoded. */
const INVISIBLE = /[\p{Cc}\p{Cf}\uFFFD]/u

/**
 * Reads a PIN or a password from one line of UTF-8, without a byte order mark and the line ends behind it. Refuses
 * anything ambiguous, since a token locks its user after a few wrong PINs.
 *
 * @param content bytes of a file, or the value of a variable
 * @throws Error whose message follows the name of the setting, such as `is empty`; it quotes nothing
 */
export function readSecret(content: Buffer | string): string {
  const bytes = Buffer.from(content)
  if (bytes.length > MAX_BYTES) {
    throw new Error(`is larger than ${MAX_BYTES} bytes: it is not a secret alone`)
  }
  if (MARKS_OF_UTF_16.includes(bytes.toString('hex', 0, 2))) {
    throw new Error('is UTF-16, as some editors of Windows write it: save it as UTF-8')
  }
  const secret = decode(bytes).replace(/[\r\n]+$/, '')
  if (secret === '') {
    throw new Error('is empty')
  }
  if (/[\r\n\p{Zl}\p{Zp}]/u.test(secret)) {
    throw new Error('has more than one line: leave nothing but the secret in it')
  }
  if (INVISIBLE.test(secret)) {
    throw new Error('holds characters that cannot be seen, such as NUL or a tab: write it anew')
  }
  if (secret.trim() !== secret) {
    throw new Error('begins or ends with a blank: take it away')
  }
  return secret
}

/** Decodes UTF-8 without the byte order mark that some editors write. */
function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Error('is not UTF-8: save it as UTF-8')
  }
}
