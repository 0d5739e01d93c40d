import { once } from 'node:events'
import { extname } from 'node:path'
import { startChild } from '../child-process.ts'
import type { Progress } from './check.ts'
import type { Failure } from './failure.ts'
import type { Answer, FromAdministration, Operations, Order } from './main.ts'

const MAIN = new URL(`./entry${extname(import.meta.filename)}`, import.meta.url)

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
 * Has an operation carried out in a process of its own.
 *
 * @param input arguments of the operation
 * @param limitMs milliseconds without a word of it after which the process is ended
 * @param onProgress called with what happens on the way, in its order
 * @throws AdministrationError
 */
export async function administer<Name extends keyof Operations>(
  operation: Name,
  input: Parameters<Operations[Name]>,
  limitMs: number,
  onProgress: (progress: Progress) => void = ignore,
): Promise<Awaited<ReturnType<Operations[Name]>>> {
  const child = startChild(MAIN)
  let answer: Answer | undefined
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, limitMs)
  child.on('message', (message: FromAdministration) => {
    timer.refresh()
    if (message.type === 'progress') {
      onProgress(message.progress)
    } else {
      answer = message
    }
  })
  // One that could not be started takes no order either
  child.on('error', ignore)
  child.send({ operation, input } satisfies Order, ignore)
  const end = await once(child, 'close').then(
    ([code, signal]) => `ended: ${signal ?? `exit code ${code}`}`,
    (error: Error) => `cannot be started: ${error.message}`,
  )
  clearTimeout(timer)
  if (answer?.type === 'done') {
    return answer.result as Awaited<ReturnType<Operations[Name]>>
  }
  const message = late
    ? `the PKCS#11 library did not answer for ${limitMs / 1000} seconds`
    : `the process that works on the token ${end}`
  throw new AdministrationError(answer?.failure ?? { message })
}

function ignore(): void {}
