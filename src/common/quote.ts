/** Most characters of a value in a message; longer values are cut. */
const MAX_CHARACTERS = 200
/** Matches a value that can stand in a sentence without quotation marks. */
const PLAIN = /^[^\s\p{C}"]+$/u

/**
 * Matches the PIN in a `pkcs11:` URI (RFC 7512 2.4), which other programs take for certificates, keys and libraries, some of
 * them with the PIN in the path.
 */
const PIN_VALUE = /(?<=[?&;:]pin(?:-|%2d)value=)[^&;]*/gi

/**
 * Returns a value as messages show it, cut after 200 characters: as it is, or as a JSON string if its ends could not be
 * seen. The result has no line ends, no other invisible characters, and no PIN of a `pkcs11:` URI.
 */
export function quote(value: string): string {
  const characters = [...value.replace(PIN_VALUE, '…')]
  const shown =
    characters.length > MAX_CHARACTERS
      ? `${characters.slice(0, MAX_CHARACTERS).join('')}…`
      : characters.join('')
  return PLAIN.test(shown) ? shown : escapeInvisible(JSON.stringify(shown))
}

/** Matches the beginning of a message that can follow a value in the same sentence. */
const PREDICATE = /^(is|has|holds|names|begins|does|cannot)\b/
/** Matches PEM, since the content of a file may stand in place of its path, and addresses with a user or a password. */
const SECRET = /-----BEGIN |:\/\/[^/]*@/

/**
 * Puts a value before a description of what is wrong with it, such as `/x/signer.pem does not exist`.
 *
 * @param value the value as it was given; undefined if it must not be shown. PEM, and an address with a user, are not
 *   shown either
 */
export function describeValue(value: string | undefined, wrong: string): string {
  if (value === undefined || SECRET.test(value)) {
    return wrong
  }
  return `${quote(value)}${PREDICATE.test(wrong) ? ' ' : ': '}${wrong}`
}

/** Most items that a message lists. */
const MAX_LISTED = 20

/** Lists up to 20 items for a message, separated by semicolons, and says how many more there are. */
export function listSome<T>(items: readonly T[], describe: (item: T) => string): string {
  const more = items.length - MAX_LISTED
  const listed = items.slice(0, MAX_LISTED).map(describe)
  return [...listed, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
}

/** Replaces characters that control terminals or are invisible by their code points, such as \u{200b}. */
export function escapeInvisible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escapeCharacter)
}

function escapeCharacter(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16)}}`
}
