import { extname } from 'node:path'
import { type Measured, RIGHT } from '../figures.ts'
import type { BareTokenAnswer, BareTokenOrder } from './bare-token-process.ts'
import { HelperProcess } from './helper-process.ts'

const PROGRAM = new URL(`./bare-token-process${extname(import.meta.filename)}`, import.meta.url)

/** What a token can do without HTTP and without a pool. */
export class BareToken {
  readonly #process: HelperProcess
  readonly #data: Uint8Array

  /** @param data what it signs with CKM_RSA_PKCS: a DigestInfo */
  constructor(environment: Readonly<Record<string, string>>, data: Uint8Array) {
    this.#process = new HelperProcess(PROGRAM, environment)
    this.#data = data
  }

  /** One signature, to be verified. */
  async sign(): Promise<Buffer> {
    const { signature } = await this.#order({ sessions: 1, data: this.#data, expected: undefined, ms: 0 })
    return Buffer.from(signature)
  }

  /** Signs with so many sessions at the same time for so long; each signature must be `expected`. */
  async measure(sessions: number, seconds: number, expected: Uint8Array): Promise<Measured> {
    const order = { sessions, data: this.#data, expected, ms: seconds * 1_000 }
    const answer = await this.#order(order)
    const figures = { rate: answer.right / answer.seconds, tokenCpu: answer.cpuMs / answer.right }
    const answers = { [RIGHT]: answer.right, ...(answer.wrong > 0 && { 'wrong answer': answer.wrong }) }
    return { figures, answers }
  }

  end(): Promise<void> {
    return this.#process.end()
  }

  async #order(order: BareTokenOrder): Promise<BareTokenAnswer> {
    this.#process.send(order)
    return (await this.#process.receive()) as BareTokenAnswer
  }
}
