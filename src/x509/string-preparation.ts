/** Prepares strings for a comparison without regard to case (RFC 4518 2, which RFC 5280 7.1 uses for names). */

/** Matches printable ASCII: nearly all strings are, and need little preparation. */
const PLAIN = /^[\x20-\x7e]*$/

/** Characters that become a space: tabs, line ends, and all separators (RFC 4518 2.2). */
const SPACES = /[\t-\r\x85\p{Z}]/gu

/** Characters that are dropped: controls, format characters, soft hyphens, variation selectors (RFC 4518 2.2). */
const IGNORED = /[\p{Cc}\p{Cf}\u{1806}\u{fffc}]|\p{Variation_Selector}|\u{34f}/gu

/** Insignificant spaces (RFC 4518 2.6.1). A space before a combining mark carries that mark, and stays. */
const RUN_OF_SPACES = / +(?!\p{M})/gu

/**
 * Returns a form that is equal for two strings if they match. It keeps the characters that RFC 4518 2.4 prohibits, so
 * that they match only themselves.
 */
export function prepareString(text: string): string {
  if (PLAIN.test(text)) {
    return foldSpaces(text.toLowerCase())
  }
  const mapped = text.replace(SPACES, ' ').replace(IGNORED, '')
  // Folded twice, since normalizing signs such as the trademark sign makes new capital letters (RFC 3454 B.2)
  return foldSpaces(foldCase(foldCase(mapped)))
}

function foldCase(text: string): string {
  return [...text.normalize('NFKC')].map(foldCharacter).join('').normalize('NFKC')
}

/** Folds one character at a time, since a sigma depends on its neighbours. The dotless i has no case (RFC 3454 B.2). */
function foldCharacter(character: string): string {
  return character === 'ı' ? character : character.toLowerCase().toUpperCase().toLowerCase()
}

function foldSpaces(text: string): string {
  return text.replace(RUN_OF_SPACES, ' ').trim()
}
