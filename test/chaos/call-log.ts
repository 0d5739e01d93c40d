import { closeSync, existsSync, openSync, readSync } from 'node:fs'

/**
 * The calls that the faulty module has written down, counted as they come: its file gets thousands of lines a second,
 * too many to be read from the beginning each time.
 */
export class CallLog {
  readonly #path: string
  readonly #counts = new Map<string, Map<number, number>>()
  readonly #lastProcess = new Map<string, number>()
  #offset = 0
  #unfinished = ''

  /** @param path FAULTY_MODULE_CALLS */
  constructor(path: string) {
    this.#path = path
  }

  /** How often a function has been called so far: by one process, or by all together. */
  count(name: string, process?: number): number {
    this.#read()
    const counts = this.#counts.get(name) ?? new Map<number, number>()
    return process === undefined
      ? [...counts.values()].reduce((sum, count) => sum + count, 0)
      : (counts.get(process) ?? 0)
  }

  /** How many processes have initialized the module. */
  processes(): number {
    this.#read()
    return this.#counts.get('C_Initialize')?.size ?? 0
  }

  /** The process that called a function last; 0 when none has. */
  lastProcess(name: string): number {
    this.#read()
    return this.#lastProcess.get(name) ?? 0
  }

  #read(): void {
    if (!existsSync(this.#path)) {
      return
    }
    const file = openSync(this.#path, 'r')
    const chunk = Buffer.alloc(1 << 20)
    for (;;) {
      const length = readSync(file, chunk, 0, chunk.length, this.#offset)
      if (length === 0) {
        break
      }
      this.#offset += length
      this.#count(chunk.toString('latin1', 0, length))
    }
    closeSync(file)
  }

  #count(text: string): void {
    const lines = `${this.#unfinished}${text}`.split('\n')
    this.#unfinished = lines.pop() ?? ''
    for (const line of lines) {
      const space = line.indexOf(' ')
      const name = line.slice(0, space)
      const process = Number(line.slice(space + 1))
      const counts = this.#counts.get(name) ?? new Map<number, number>()
      counts.set(process, (counts.get(process) ?? 0) + 1)
      this.#counts.set(name, counts)
      this.#lastProcess.set(name, process)
    }
  }
}
