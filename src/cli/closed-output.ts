import type { Writable } from 'node:stream'

/**
 * Has a command whose reader has left (`| head -1`) go on to its end, in silence: what it does on a token is not cut
 * off halfway. Results that could not be written for another reason are a failure.
 *
 * @returns why results could not be written; undefined as long as they could
 */
export function tolerateClosed({
  output,
  errors,
}: Record<'output' | 'errors', Writable>): () => Error | undefined {
  let failure: Error | undefined
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') {
      failure ??= error
    }
  })
  // There is nowhere left to say so
  errors.on('error', () => {})
  return () => failure
}
