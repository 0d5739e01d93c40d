import type { Writable } from 'node:stream'

/**
 * Lets a command whose reader has left (`| head -1`) go on to its end, so that its work on a token is not cut off
 * halfway. Results that cannot be written for another reason are a failure.
 *
 * @returns function that returns why results could not be written; undefined as long as they could
 */
export function tolerateClosedOutput({
  output,
  errors,
}: Record<'output' | 'errors', Writable>): () => Error | undefined {
  let failure: Error | undefined
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') {
      failure ??= error
    }
  })
  // An error of stderr cannot be reported anywhere
  errors.on('error', () => {})
  return () => failure
}
