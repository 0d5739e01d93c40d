import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { buildJavaValidators } from './java.ts'
import { withTemporaryFiles } from './temporary-files.ts'

/** What each check came to, by its name: `good`, or what is wrong. */
export type Findings = Readonly<Record<string, string>>

export interface JavaDemands {
  /** Paths of PEM files with trust anchors. */
  readonly anchors: string
  /** Wanted where a timestamp is. */
  readonly timestampAnchors?: string
  readonly type: 'cms' | 'cades'
  /** What must be in the container; b-b by default. */
  readonly level?: 'b-b' | 'b-t' | 'b-lt'
  /** The time of judgement; that of the signature by default. */
  readonly at?: Date
}

export interface PdfboxSignature {
  readonly fieldName: string
  readonly subFilter: string
  /** Whether nothing was appended after this signature. */
  readonly wholeDocument: boolean
  readonly findings: Findings
}

/** What is not good, in one line; undefined when all is. */
export function faultIn(findings: Findings): string | undefined {
  const faults = Object.entries(findings).filter(([, finding]) => finding !== 'good')
  return faults.length === 0 ? undefined : faults.map((fault) => fault.join(': ')).join('; ')
}

type Answer = Readonly<Record<string, unknown>>

/**
 * Bouncy Castle, and Apache PDFBox with it, in one Java process that judges one thing after another and never uses the
 * network: signature, path at the time of the signature, signing-certificate-v2 and, by level, timestamp and revocation.
 */
export class BouncyCastle {
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #waiting: { resolve(answer: Answer): void; reject(error: Error): void }[] = []

  /** @param libraries as `findJavaLibraries` returns them */
  static async start(libraries: string): Promise<BouncyCastle> {
    return new BouncyCastle(await buildJavaValidators(libraries))
  }

  private constructor(classPath: string) {
    // It lives for seconds: what makes long runs fast would cost more than it brings
    const options = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']
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

  /** Judges a detached SignedData over `content`. */
  async cms(cms: Uint8Array, content: Uint8Array, demands: JavaDemands): Promise<Findings> {
    const { findings } = await withTemporaryFiles({ cms, content }, (paths) =>
      this.#ask({ ...paths, ...fieldsOf(demands) }),
    )
    return findings as Findings
  }

  /** Judges all signatures of a PDF, in the order of the file, each by the same demands. */
  async pdf(pdf: Uint8Array, demands: JavaDemands): Promise<readonly PdfboxSignature[]> {
    const { signatures } = await withTemporaryFiles({ pdf }, (paths) =>
      this.#ask({ ...paths, ...fieldsOf(demands) }),
    )
    return signatures as readonly PdfboxSignature[]
  }

  /** Once it has answered all. */
  async close(): Promise<void> {
    this.#child.stdin?.end()
    await this.#exited
  }

  /** @throws with what Java says where it cannot read what it is given */
  async #ask(fields: Readonly<Record<string, string>>): Promise<Answer> {
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

function fieldsOf({ anchors, timestampAnchors, type, level = 'b-b', at }: JavaDemands) {
  return {
    ...{ anchors, type, level },
    ...(timestampAnchors === undefined ? {} : { timestampAnchors }),
    ...(at === undefined ? {} : { at: String(at.getTime()) }),
  }
}
