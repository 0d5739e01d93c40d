import type { Subject } from '../messages.ts'
import { OpenError } from '../process/open-error.ts'
import { describeFailure, explainUser } from '../return-values.ts'

export interface Failure {
  /** The part that the configuration names wrongly; absent if it is not to blame. */
  readonly about?: Subject
  readonly message: string
}

/** Tells failures that the person at the terminal can mend from failed calls. */
export class RefusedError extends Error {}

/**
 * Puts what was thrown into words.
 *
 * @throws the error, where it is a defect: then the process shall end with its stack
 */
export function explain(error: unknown): Failure {
  if (error instanceof TypeError) {
    throw error
  }
  if (error instanceof RefusedError) {
    return { message: error.message }
  }
  if (error instanceof OpenError && error.failure.kind !== 'pin') {
    const { failure } = error
    const { message } = failure
    return failure.kind === 'configuration' ? { about: failure.about, message } : { message }
  }
  const { returnValue, call, recovery } = describeFailure(error)
  // The binding does not always know which call it was
  const told = [`the PKCS#11 library answered ${returnValue}`, call]
    .filter((part) => part !== '')
    .join(' to ')
  return recovery === 'pin' ? explainPin(returnValue) : { message: told }
}

function explainPin(returnValue: string): Failure {
  const advice =
    explainUser(returnValue) ??
    'it was tried once; each wrong one brings the token nearer to locking its user'
  return { message: `the token refused the PIN (${returnValue}): ${advice}` }
}
