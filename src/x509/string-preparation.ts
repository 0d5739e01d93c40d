/** Prepares strings for a comparison without regard to case (RFC 4518 2, as RFC 5280 7.1 has it for names). */

/** Strings of printable ASCII, as nearly all are, need little of this. */
const PLAIN = /^[\x20-\x7e]*$/

/** Mapped to a space (RFC 4518 2.2): tabs, line ends, and all separators. */
const SPACES = /[\t-\r\x85\p{Z}]/gu

/** Mapped to nothing (RFC 4518 2.2): controls, format characters, soft hyphens, variation selectors. */
const IGNORED = /[\p{Cc}\p{Cf}\u{1806}\u{fffc}]|\p{Variation_Selector}|\u{34f}/gu

/** Insignificant spaces (RFC 4518 2.6.1). One before a combining mark carries that mark, and stays. */
const RUN_OF_SPACES = / +(?!\p{M})/gu

/**
 * Returns the form in which two strings are the same if they match. Characters that RFC 4518 2.4 prohibits are kept as
 * they are, so that they match themselves alone.
 */
export function prepareString(text: string): string {
  if (PLAIN.test(text)) {
    return foldSpaces(text.toLowerCase())
  }
  const mapped = text.replace(SPACES, ' ').replace(IGNORED, '')
  // Twice: letters appear in what is composed of signs (RFC 3454 B.2 has them in its table)
  return foldSpaces(foldCase(foldCase(mapped)))
}

function foldCase(text: string): string {
  return [...text.normalize('NFKC')].map(foldCharacter).join('').normalize('NFKC')
}

/** One by one, since what a sigma becomes depends on its neighbours. The dotless i has no other case (RFC 3454 B.2). */
function foldCharacter(character: string): string {
  return character === 'ı' ? character : character.toLowerCase().toUpperCase().toLowerCase()
}

function foldSpaces(text: string): string {
  return text.replace(RUN_OF_SPACES, ' ').trim()
}
