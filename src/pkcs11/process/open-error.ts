import type { OpenFailure, Subject } from '../messages.ts'

/** Why the token cannot be used; travels to the HTTP process as an {@link OpenFailure}. */
export class OpenError extends Error {
  readonly failure: OpenFailure

  constructor(failure: OpenFailure) {
    super(failure.kind)
    this.name = 'OpenError'
    this.failure = failure
  }
}

/** The configuration names something that is not there, or not unambiguously. */
export function misconfigured(about: Subject, message: string, reason: string): OpenError {
  return new OpenError({ kind: 'configuration', about, message, reason })
}

/** The token is not there, or does not answer, for now. */
export function unavailable(message: string, reason: string): OpenError {
  return new OpenError({ kind: 'unavailable', message, reason })
}
