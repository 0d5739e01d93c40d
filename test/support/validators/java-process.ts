import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { buildJavaProgram, type JavaProgram } from './java.ts'

/** Fields of an answer. */
export type Answer = Readonly<Record<string, unknown>>

/** One Java process that judges one thing after another. */
export class JavaProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #waiting: { resolve(answer: Answer): void; reject(error: Error): void }[] = []

  /** @param libraries as `findJavaLibraries` returns them */
  static async start(program: JavaProgram, libraries: string): Promise<JavaProcess> {
    return new JavaProcess(await buildJavaProgram(program, libraries))
  }

  private constructor(classPath: string) {
    // It lives for seconds: what makes long runs fast would cost more than it brings
    const options = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Dslf4j.internal.verbosity=ERROR']
    this.#child = spawn('java', [...options, '-cp', classPath, 'Validate'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
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
      this.#child.on('exit', (code) => end(new Error(`java ended with ${code}`)))
    })
  }

  /** Ends the process once it has answered all. */
  async close(): Promise<void> {
    this.#child.stdin?.end()
    await this.#exited
  }

  /** @throws with what Java says where it cannot read what it is given */
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
