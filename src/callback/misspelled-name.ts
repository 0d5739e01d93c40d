import { CallbackBody } from '../../schemas/callback.ts'
import { editDistance, findNearest } from '../common/edit-distance.ts'
import { INVALID_REQUEST } from '../errors.ts'

/** Names that mean something in a body. */
const KNOWN = Object.keys(CallbackBody.properties)

/** Names that the vendor's Web SDK gives to pages and to its own back end, which pages may pass on as they are. */
const OF_WEB_SDK: readonly string[] = ['dataToBeSigned', 'signatureType', 'signingToken']

/** One letter in so many may be wrong, and two at most: short names are soon near to others. */
const LETTERS_PER_TYPING_ERROR = 6
const MAX_TYPING_ERRORS = 2

/** Characters of a name that may be a misspelled one: each letter of the longest with a separator, and some more. */
const MAX_LENGTH = 40

/** Unknown names that are looked at, which costs some 2 ms. A body may have thousands, and Document Engine sends none. */
const MAX_NAMES = 32

/**
 * Refuses a body with a name that is nearly a known one, as it would be ignored and a default used in its place. Other
 * unknown names pass, since newer Document Engines may send them.
 *
 * @throws INVALID_REQUEST that quotes the name, which differs from a known one in two letters and separators at most
 */
export function refuseMisspelledNames(body: object): void {
  const unknown = Object.keys(body).filter((name) => !KNOWN.includes(name) && !OF_WEB_SDK.includes(name))
  for (const name of unknown.slice(0, MAX_NAMES)) {
    const meant = name.length > MAX_LENGTH ? undefined : findMeant(name)
    if (meant !== undefined) {
      throw new INVALID_REQUEST(`${quote(name)}: is not known; ${meant} was probably meant`)
    }
  }
}

/** Returns the known name that differs in few letters, whatever its case and separators. */
function findMeant(name: string): string | undefined {
  const letters = lettersOf(name)
  const near = KNOWN.filter((known) => isNear(letters, lettersOf(known)))
  return findNearest(name, near, MAX_LENGTH)
}

function isNear(letters: string, known: string): boolean {
  const limit = Math.min(Math.floor(known.length / LETTERS_PER_TYPING_ERROR), MAX_TYPING_ERRORS)
  return Math.abs(letters.length - known.length) <= limit && editDistance(letters, known) <= limit
}

function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[-_.\s]/g, '')
}

/** Quotes a name as in a JSON string, since it may hold line ends. */
function quote(name: string): string {
  return JSON.stringify(name).slice(1, -1)
}
