import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/** Fields of an answer. */
export type Answer = Readonly<Record<string, unknown>>

/** A process that judges one thing after another: it reads lines of fields, and writes lines of JSON. */
export class ValidatorProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #waiting: { resolve(answer: Answer): void; reject(error: Error): void }[] = []

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: this.#child.stdout as Readable })
    lines.on('line', (line) => this.#waiting.shift()?.resolve(JSON.parse(line)))
    this.#exited = new Promise((resolve) => {
      const end = (error: Error) => {
        for (const { reject } of this.#waiting.splice(0)) {
          reject(error)
        }
        resolve()
      }
      this.#child.on('error', end)
      this.#child.on('exit', (code) => end(new Error(`${command} ended with ${code}`)))
    })
  }

  /** Ends the process once it has answered all. */
  async close(): Promise<void> {
    this.#child.stdin?.end()
    await this.#exited
  }

  /** @throws with what the process says where it cannot read what it is given */
  async ask(fields: Readonly<Record<string, string>>): Promise<Answer> {
    const line = Object.entries(fields).map((field) => field.join('='))
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      ;(this.#child.stdin as Writable).write(`${line.join('\t')}\n`)
    })
    if (answer.error !== undefined) {
      throw new Error(`${answer.error}`)
    }
    return answer
  }
}
