import { extname } from 'node:path'
import type { Answers } from '../figures.ts'
import { HelperProcess } from '../processes/helper-process.ts'
import type { DocumentsOrder, LoadMessage, LoadOrder, Measured } from './messages.ts'

const PROGRAM = new URL(`./load-process${extname(import.meta.filename)}`, import.meta.url)

export interface LoadResult {
  readonly measured: Measured
  /** All of them, those before and after the measurement too. */
  readonly answers: Answers
  /** Of all answers, ms. */
  readonly longest: number
}

/** What is done when a measurement begins, when it is over, and when the load is. */
export interface Observer {
  begin?(): unknown
  end?(): unknown
  watched?(): unknown
}

/** The process that loads a service, seen from the one that measures. */
export class LoadGenerator {
  readonly #process = new HelperProcess(PROGRAM)

  get pid(): number {
    return this.#process.pid
  }

  async run(order: LoadOrder | DocumentsOrder, observer: Observer = {}): Promise<LoadResult> {
    this.#process.send(order)
    await this.#expect('begun')
    await observer.begin?.()
    const { measured } = await this.#expect('over')
    await observer.end?.()
    await this.#expect('watched')
    await observer.watched?.()
    const { answers, longest } = await this.#expect('drained')
    return { measured, answers, longest }
  }

  end(): Promise<void> {
    return this.#process.end()
  }

  async #expect<Type extends LoadMessage['type']>(type: Type) {
    const message = (await this.#process.receive()) as LoadMessage
    if (message.type !== type) {
      throw new Error(`the load generator says ${message.type} where it must say ${type}`)
    }
    return message as Extract<LoadMessage, { type: Type }>
  }
}
