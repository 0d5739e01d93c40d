import { TAG } from './tag.ts'

/** Octets of an object identifier. Real ones have at most 20; a longer one would take long to read. */
const MAX_IDENTIFIER_LENGTH = 100
/** From this arc of an object identifier on, seven further bits would not fit into a number. */
const LARGE_ARC = 2 ** 46
/** Elements of a list. A hostile one with millions of them would use up the memory. */
const MAX_ELEMENTS = 1000

/** A lenient reader and the readers of its content share this, and note in it what they have read over. */
interface Leniency {
  flaw?: string
}

/**
 * Reads DER elements one after another (X.690 10: definite, shortest lengths). It builds no tree, since a CRL may
 * have a hundred thousand entries. All methods throw an Error if the bytes are not DER, or not the element that is
 * asked for.
 */
export class DerReader {
  readonly #bytes: Buffer
  readonly #end: number
  readonly #leniency: Leniency | undefined
  #at: number

  constructor(bytes: Buffer, start = 0, end = bytes.length, leniency?: Leniency) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    this.#leniency = leniency
  }

  /** Returns a reader that reads over lengths that are not the shortest, as do the readers of contents that it returns. */
  static lenient(bytes: Buffer): DerReader {
    return new DerReader(bytes, 0, bytes.length, {})
  }

  /** Returns a reader of the content of an element that nothing may follow. */
  static enterOnly(der: Buffer, tag: number): DerReader {
    const outer = new DerReader(der)
    const inner = outer.enter(tag)
    outer.finish()
    return inner
  }

  /** Returns the next element's identifier octet; undefined at the end. */
  get tag(): number | undefined {
    return this.#at < this.#end ? this.#bytes[this.#at] : undefined
  }

  /** Says what is no DER among that which this lenient reader, or another of the same bytes, has read up to now. */
  get flaw(): string | undefined {
    return this.#leniency?.flaw
  }

  /** Number of octets that are left. */
  get left(): number {
    return this.#end - this.#at
  }

  /** Passes over the next element, and returns a reader of its content. */
  enter(tag: number): DerReader {
    const { contentStart, end } = this.#next(tag)
    return new DerReader(this.#bytes, contentStart, end, this.#leniency)
  }

  /** Does the same if the next element has that tag; else returns undefined. */
  enterOptional(tag: number): DerReader | undefined {
    return this.tag === tag ? this.enter(tag) : undefined
  }

  /** Returns the next element's content; not a copy. */
  content(tag: number): Buffer {
    const { contentStart, end } = this.#next(tag)
    return this.#bytes.subarray(contentStart, end)
  }

  /** Does the same if the next element has that tag; else returns undefined. */
  optionalContent(tag: number): Buffer | undefined {
    return this.tag === tag ? this.content(tag) : undefined
  }

  /** Returns the next element with its tag and length; not a copy. */
  element(tag = this.tag): Buffer {
    const { start, end } = this.#next(tag)
    return this.#bytes.subarray(start, end)
  }

  /** Returns all elements that are left, each with its tag and length; not copies. */
  elements(): Buffer[] {
    return this.#list(() => this.element())
  }

  /** Passes over all elements that are left, and returns readers of their contents. */
  enterAll(tag: number): DerReader[] {
    return this.#list(() => this.enter(tag))
  }

  /** Returns the content of the next element, an INTEGER or one that is tagged implicitly; not a copy. */
  integer(tag: number = TAG.integer): Buffer {
    const octets = this.content(tag)
    checkInteger(octets)
    return octets
  }

  /**
   * Returns the next element, a BOOLEAN or one that is tagged implicitly (X.690 8.2), if it has that tag. BER has any octet but 0 for
   * TRUE.
   */
  optionalBoolean(tag: number = TAG.boolean): boolean | undefined {
    const octets = this.optionalContent(tag)
    if (octets !== undefined && octets.length !== 1) {
      throw new Error('a BOOLEAN has one octet')
    }
    return octets && octets[0] !== 0
  }

  /** Reads the next element as an object identifier (X.690 8.19), and returns it dotted. */
  objectIdentifier(): string {
    const octets = this.content(TAG.objectIdentifier)
    if (octets.length > MAX_IDENTIFIER_LENGTH) {
      throw new Error('it is no DER of this kind: an object identifier is too long')
    }
    const arcs: (number | bigint)[] = []
    let arc: number | bigint = 0
    let open = true
    for (const octet of octets) {
      // Two encodings of one identifier would be two to some readers, and one to others (X.690 8.19.2)
      if (octet === 0x80 && arc === 0) {
        throw new Error('it is no DER: an object identifier has more octets than it needs')
      }
      // An arc under 2.25 is a UUID of 128 bits (X.667), which a number would round
      arc =
        typeof arc === 'number' && arc < LARGE_ARC
          ? arc * 128 + (octet & 0x7f)
          : BigInt(arc) * 128n + BigInt(octet & 0x7f)
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
    const root = first < 80 ? Math.floor(Number(first) / 40) : 2
    return [root, BigInt(first) - BigInt(root * 40), ...rest].join('.')
  }

  /** Returns the octets of a BIT STRING without unused bits (X.690 8.6.2), without the count of these; not a copy. */
  bits(): Buffer {
    const bits = this.content(TAG.bitString)
    if (bits[0] !== 0) {
      throw new Error('it is no DER of this kind: a bit string does not consist of whole octets')
    }
    return bits.subarray(1)
  }

  /** Refuses further elements. */
  finish(): void {
    if (this.tag !== undefined) {
      throw new Error('it is no DER of this kind: something follows its end')
    }
  }

  #list<T>(read: () => T): T[] {
    const list: T[] = []
    while (this.tag !== undefined) {
      list.push(read())
      if (list.length > MAX_ELEMENTS) {
        throw new Error(`it has a list of more than ${MAX_ELEMENTS} elements`)
      }
    }
    return list
  }

  #next(tag: number | undefined): { start: number; contentStart: number; end: number } {
    const start = this.#at
    if (tag === undefined || this.tag !== tag) {
      throw new Error('it is no DER of this kind: an element is missing, or another one is in its place')
    }
    const { length, contentStart } = this.#length(start + 1)
    const end = contentStart + length
    if (end > this.#end) {
      throw new Error('it is no DER: an element is longer than the one around it')
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
      const flaw = 'it is no DER: a length has more octets than it needs'
      if (this.#leniency === undefined) {
        throw new Error(flaw)
      }
      this.#leniency.flaw = flaw
    }
    return { length, contentStart }
  }
}

/** Returns whether octets are the content of an INTEGER in DER, which is the shortest one (X.690 8.3.2). */
export function isInteger(octets: Uint8Array): boolean {
  const [first, second = 0] = octets
  const isLong = octets.length > 1 && (first === 0 ? second < 0x80 : first === 0xff && second >= 0x80)
  return first !== undefined && !isLong
}

/**
 * Checks that the content of an INTEGER is the shortest one (X.690 8.3.2), as others read no other.
 *
 * @throws Error if it is not
 */
export function checkInteger(octets: Buffer): void {
  if (!isInteger(octets)) {
    throw new Error('it is no DER: an integer has no octets, or more than it needs')
  }
}
