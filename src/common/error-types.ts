import * as errors from '../errors.ts'

/** An error of `errors.ts`, whose message has these words. */
export type ErrorType = new (
  first?: string,
  second?: string,
  third?: string,
) => { readonly code: string; readonly statusCode: number; readonly message: string }

/** All errors that a caller can meet. */
export const ERROR_TYPES = Object.values<unknown>(errors).filter(isErrorType)

function isErrorType(one: unknown): one is ErrorType {
  return typeof one === 'function' && one.prototype instanceof Error && one !== errors.ConfigurationError
}
