/** Longer values are cut: a message names them, and is not for reading them. */
const MAX_CHARACTERS = 200
/** Matches a value that can stand in a sentence as it was given. */
const PLAIN = /^[^\s\p{C}"]+$/u

/**
 * Returns a value as messages show it: as it was given, or as a JSON string where its ends would not be seen, cut after
 * 200 characters. The result holds no line ends and no other characters that cannot be seen.
 */
export function quote(value: string): string {
  const characters = [...value]
  const shown =
    characters.length > MAX_CHARACTERS ? `${characters.slice(0, MAX_CHARACTERS).join('')}…` : value
  return PLAIN.test(shown) ? shown : escapeInvisible(JSON.stringify(shown))
}

/** Matches how messages begin that can follow a value in the same sentence. */
const PREDICATE = /^(is|has|holds|names|begins|does|cannot)\b/
/** Matches PEM, since the content of a file may stand where its path belongs, and addresses with a user, or a password. */
const SECRET = /-----BEGIN |:\/\/[^/]*@/

/**
 * Puts a value before what is wrong with it, such as `/x/signer.pem does not exist`.
 *
 * @param value as it was given; undefined where none is to be shown, as that of a secret. PEM, and an address with a
 *   user, are not shown either
 */
export function tellOf(value: string | undefined, wrong: string): string {
  if (value === undefined || SECRET.test(value)) {
    return wrong
  }
  return `${quote(value)}${PREDICATE.test(wrong) ? ' ' : ': '}${wrong}`
}

/** The number of things that a message lists. */
const MAX_LISTED = 20

/** Lists items in a message, separated by semicolons: of many the first 20, and how many more there are. */
export function listSome<T>(items: readonly T[], describe: (item: T) => string): string {
  const more = items.length - MAX_LISTED
  const listed = items.slice(0, MAX_LISTED).map(describe)
  return [...listed, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
}

/** Replaces characters that steer terminals, or cannot be seen, by their code points, such as \u{200b}. */
export function escapeInvisible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escapeCharacter)
}

function escapeCharacter(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16)}}`
}
