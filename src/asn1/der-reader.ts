import { TAG } from './tag.ts'

/** Octets of an object identifier. Those there are have 20 at most. */
const MAX_IDENTIFIER_LENGTH = 100
/** Elements of lists that are kept: those of whoever wants to use up memory have millions. */
const MAX_ELEMENTS = 1000

/**
 * Reads DER elements one after another (X.690 10: definite, shortest lengths), without a tree of them: a CRL may have
 * a hundred thousand entries, of which one is looked for. All methods throw an Error on what is no DER, or not what is
 * asked for.
 */
export class DerReader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  /**
   * Reads the content of an element that is all there is.
   *
   * @throws Error when something follows the element
   */
  static enterOnly(der: Buffer, tag: number): DerReader {
    const outer = new DerReader(der)
    const inner = outer.enter(tag)
    outer.finish()
    return inner
  }

  /** The next element's identifier octet; undefined at the end. */
  get tag(): number | undefined {
    return this.#at < this.#end ? this.#bytes[this.#at] : undefined
  }

  /** Reads the next element: what is in it. */
  enter(tag: number): DerReader {
    const { contentStart, end } = this.#next(tag)
    return new DerReader(this.#bytes, contentStart, end)
  }

  /** As `enter`, where the next element has that tag; else undefined. */
  enterOptional(tag: number): DerReader | undefined {
    return this.tag === tag ? this.enter(tag) : undefined
  }

  /** The next element's content; not a copy. */
  content(tag: number): Buffer {
    const { contentStart, end } = this.#next(tag)
    return this.#bytes.subarray(contentStart, end)
  }

  /** Returns the next element's content where it has that tag, else undefined; not a copy. */
  optionalContent(tag: number): Buffer | undefined {
    return this.tag === tag ? this.content(tag) : undefined
  }

  /** The next element with its tag and length; not a copy. */
  element(tag = this.tag): Buffer {
    const { start, end } = this.#next(tag)
    return this.#bytes.subarray(start, end)
  }

  /** All elements that are left, each with its tag and length; not copies. */
  elements(): Buffer[] {
    const elements: Buffer[] = []
    while (this.tag !== undefined) {
      elements.push(this.element())
      if (elements.length > MAX_ELEMENTS) {
        throw new Error(`it has a list of more than ${MAX_ELEMENTS} elements`)
      }
    }
    return elements
  }

  /** The next element as a dotted object identifier (X.690 8.19). */
  objectIdentifier(): string {
    const octets = this.content(TAG.objectIdentifier)
    if (octets.length > MAX_IDENTIFIER_LENGTH) {
      throw new Error('it is no DER of this kind: an object identifier is too long')
    }
    const arcs: number[] = []
    let arc = 0
    let open = true
    for (const octet of octets) {
      arc = arc * 128 + (octet & 0x7f)
      open = octet >= 0x80
      if (!open) {
        arcs.push(arc)
        arc = 0
      }
    }
    const [first = 0, ...rest] = arcs
    if (open) {
      throw new Error('it is no DER: an object identifier has no end')
    }
    const root = Math.min(2, Math.floor(first / 40))
    return [root, first - root * 40, ...rest].join('.')
  }

  /** The next element, a BIT STRING of whole octets (X.690 8.6.2), without the count of unused bits; not a copy. */
  bits(): Buffer {
    const bits = this.content(TAG.bitString)
    if (bits[0] !== 0) {
      throw new Error('it is no DER of this kind: a bit string has no whole octets')
    }
    return bits.subarray(1)
  }

  /** To be called where nothing may follow. */
  finish(): void {
    if (this.tag !== undefined) {
      throw new Error('it is no DER of this kind: something follows its end')
    }
  }

  #next(tag: number | undefined): { start: number; contentStart: number; end: number } {
    const start = this.#at
    if (tag === undefined || this.tag !== tag) {
      throw new Error('it is no DER of this kind: something is missing or in its place')
    }
    const { length, contentStart } = this.#length(start + 1)
    const end = contentStart + length
    if (end > this.#end) {
      throw new Error('it is no DER: an element is longer than what it is in')
    }
    this.#at = end
    return { start, contentStart, end }
  }

  #length(at: number): { length: number; contentStart: number } {
    const first = this.#bytes[at] ?? 0x80
    if (first < 0x80) {
      return { length: first, contentStart: at + 1 }
    }
    const octets = first & 0x7f
    const contentStart = at + 1 + octets
    if (octets === 0 || octets > 4 || contentStart > this.#end) {
      throw new Error('it is no DER: an element has no length')
    }
    const length = this.#bytes.readUIntBE(at + 1, octets)
    if (length < 0x80 || length < 2 ** (8 * (octets - 1))) {
      throw new Error('it is no DER: a length has more octets than it needs')
    }
    return { length, contentStart }
  }
}
