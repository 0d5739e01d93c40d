import { editDistance, findNearest } from '../common/edit-distance.ts'
import { escapeInvisible } from '../common/quote.ts'
import { INVALID_REQUEST } from '../errors.ts'

/** One letter in six may be wrong, and two at most: with more, short names would resemble others. */
const LETTERS_PER_TYPING_ERROR = 6
const MAX_TYPING_ERRORS = 2

/** Longest name that is compared, in characters: more than the longest known name with a separator at each letter. */
const MAX_LENGTH = 40

/** Unknown names that are compared, which takes some 2 ms: a body may have thousands of them. */
const MAX_NAMES = 32

/** The names that the service reads in a body, and names that are nearly one of them. */
export class KnownNames {
  readonly names: readonly string[]
  readonly #letters: ReadonlySet<string>

  constructor(names: readonly string[]) {
    this.names = names
    this.#letters = new Set(names.map(lettersOf))
  }

  /**
   * Refuses a body with a name that is nearly a known one. If the name were ignored, another signer or algorithm than the
   * requested one would sign. Other unknown names pass, since newer callers may send them, and so does null.
   *
   * @throws INVALID_REQUEST that quotes the name, which differs from a known one in two letters and separators at most
   */
  refuseMisspelled(body: Readonly<Record<string, unknown>>): void {
    const unknown = Object.keys(body).filter((name) => !this.names.includes(name) && body[name] !== null)
    const found = this.#findMisspelled(unknown)
    if (found !== undefined) {
      throw new INVALID_REQUEST(`${quote(found.name)}: is not known; ${found.meant} was probably meant`)
    }
  }

  /**
   * Refuses a query with a name that is, or nearly is, one of the body: nobody reads it there, and a default would be used
   * in its place. Other names pass.
   *
   * @throws INVALID_REQUEST that quotes the name
   */
  refuseInQuery(query: Readonly<Record<string, unknown>>): void {
    const found = this.#findMisspelled(Object.keys(query))
    if (found !== undefined) {
      throw new INVALID_REQUEST(`${quote(found.name)}: stands in the query; send ${found.meant} in the body`)
    }
  }

  /** Returns the first name that is nearly a known one, and that one. */
  #findMisspelled(names: readonly string[]): { readonly name: string; readonly meant: string } | undefined {
    for (const [place, name] of names.entries()) {
      const isWorthComparing =
        name.length <= MAX_LENGTH && (place < MAX_NAMES || this.#letters.has(lettersOf(name)))
      const meant = isWorthComparing ? this.#findIntended(name) : undefined
      if (meant !== undefined) {
        return { name, meant }
      }
    }
    return undefined
  }

  /** Returns the known name that differs in few letters, without regard to case and separators. */
  #findIntended(name: string): string | undefined {
    const letters = lettersOf(name)
    const near = this.names.filter((known) => isNear(letters, lettersOf(known)))
    return findNearest(name, near, MAX_LENGTH)
  }
}

function isNear(letters: string, known: string): boolean {
  const limit = Math.min(Math.floor(known.length / LETTERS_PER_TYPING_ERROR), MAX_TYPING_ERRORS)
  return editDistance(letters, known, limit) <= limit
}

function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[-_.\s]/g, '')
}

/** Quotes a name as in a JSON string, since it may hold line ends and marks that reverse text. */
function quote(name: string): string {
  return escapeInvisible(JSON.stringify(name).slice(1, -1))
}
