/**
 * Parses JSON (RFC 8259) that a person wrote. An error says where it is and quotes nothing, and a name that stands
 * twice in an object is an error. JSON.parse quotes the text, tells the place of few errors, and silently takes the
 * second of two equal names.
 */

const TOKEN = /[ \t\n\r]*([{}[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"|[^ \t\n\r{}[\],:"]+|$)/y
/** Deepest nesting of arrays and objects: far more than any configuration has, and far less than the stack allows. */
const MAX_DEPTH = 64

/**
 * Parses a JSON text.
 *
 * @throws Error that says the line and the column, both from 1, and what was expected there
 */
export function parseJson(text: string): unknown {
  return new JsonReader(text).whole()
}

class JsonReader {
  readonly #text: string
  /** The current token; empty at the end of the text. */
  #token = ''
  /** Index of the first character of the token, and of the first one after it. */
  #start = 0
  #end = 0

  constructor(text: string) {
    this.#text = text
    this.#advance()
  }

  whole(): unknown {
    const value = this.#value(0)
    if (this.#token !== '') {
      this.#refuse('the end of the file was expected')
    }
    return value
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH) {
      this.#refuse('arrays and objects are nested too deep')
    }
    if (this.#take('{')) {
      const entries = new Map<string, unknown>()
      this.#list('}', () => this.#member(entries, depth + 1))
      return Object.fromEntries(entries)
    }
    if (this.#take('[')) {
      const items: unknown[] = []
      this.#list(']', () => items.push(this.#value(depth + 1)))
      return items
    }
    const value = this.#parse('a value was expected')
    this.#advance()
    return value
  }

  /** Reads items up to the end of an array or an object. */
  #list(end: '}' | ']', readItem: () => void): void {
    if (this.#take(end)) {
      return
    }
    do {
      readItem()
    } while (this.#take(','))
    if (!this.#take(end)) {
      this.#refuse(`"," or "${end}" was expected`)
    }
  }

  #member(entries: Map<string, unknown>, depth: number): void {
    const expected = 'a name in double quotes was expected'
    const name = this.#token.startsWith('"') ? (this.#parse(expected) as string) : this.#refuse(expected)
    if (entries.has(name)) {
      this.#refuse('this name stands in the same object before')
    }
    this.#advance()
    if (!this.#take(':')) {
      this.#refuse('":" was expected')
    }
    entries.set(name, this.#value(depth))
  }

  #parse(expected: string): unknown {
    try {
      return JSON.parse(this.#token)
    } catch {
      return this.#refuse(expected)
    }
  }

  #take(token: string): boolean {
    const taken = this.#token === token
    if (taken) {
      this.#advance()
    }
    return taken
  }

  #advance(): void {
    TOKEN.lastIndex = this.#end
    const match = TOKEN.exec(this.#text)
    if (match === null) {
      // The pattern fails only at a double quote
      this.#start = this.#text.indexOf('"', this.#end)
      this.#refuse('the double quote that begins here has no end')
    }
    this.#token = match[1] as string
    this.#end = TOKEN.lastIndex
    this.#start = this.#end - this.#token.length
  }

  #refuse(reason: string): never {
    const before = this.#text.slice(0, this.#start).split('\n')
    const column = (before.at(-1) as string).length + 1
    throw new Error(`is not valid JSON (line ${before.length}, column ${column}: ${reason})`)
  }
}
