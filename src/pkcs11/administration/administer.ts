import { fork } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import type { Answer, Failure, OrderOf, OrderType, ResultOf } from './messages.ts'

const MAIN = new URL(`./main${extname(import.meta.filename)}`, import.meta.url)

/** The token could not be worked on. */
export class AdministrationError extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.message)
    this.name = 'AdministrationError'
    this.failure = failure
  }
}

/**
 * Has an order carried out in a process of its own.
 *
 * @param limitMs milliseconds without a word of it after which the process is ended
 * @throws AdministrationError
 */
export async function administer<T extends OrderType>(
  order: OrderOf<T>,
  limitMs: number,
): Promise<ResultOf<T>> {
  const child = fork(MAIN, [String(process.pid)], {
    serialization: 'advanced',
    // What a PKCS#11 library prints must not get among the results
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  let answer: Answer | undefined
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, limitMs)
  child.on('message', (message: Answer) => {
    timer.refresh()
    answer = message
  })
  child.send(order)
  const [code, signal] = await once(child, 'close')
  clearTimeout(timer)
  if (answer?.type === 'done') {
    return answer.result as ResultOf<T>
  }
  const how = late ? `did not answer for ${limitMs / 1000} seconds` : `ended the process: ${signal ?? code}`
  throw new AdministrationError(answer?.failure ?? { message: `the PKCS#11 library ${how}` })
}
