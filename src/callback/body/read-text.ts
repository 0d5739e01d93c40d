import type { Readable } from 'node:stream'
import { PAYLOAD_TOO_LARGE } from '../../errors.ts'
import { BodyText, type ChooseAlgorithms, LONG } from './body-text.ts'

/** Bytes after which other requests have their turn: with all algorithms 2 to 4 ms. */
const TURN = 524_288

export interface ReadOptions {
  /** Bytes that the body may have. */
  readonly limit: number
  /** What the header says that it has. */
  readonly announced: number | undefined
  readonly chooseAlgorithms: ChooseAlgorithms
  /** Told how many bytes are in memory, before there are more; throws when that is too many. */
  hold(bytes: number): void
}

/**
 * Reads a body as it arrives. After an error nobody listens, and what still comes is discarded: a client that is sending
 * comes to read the answer.
 *
 * @throws PAYLOAD_TOO_LARGE, what `hold` throws, the error of a body that ends too early
 */
export function readText(
  payload: Readable,
  { limit, announced = 0, chooseAlgorithms, hold }: ReadOptions,
): Promise<BodyText> {
  return new Promise((resolve, reject) => {
    const text = new BodyText(chooseAlgorithms)
    let received = 0
    let turn = 0

    function admit(bytes: number, held: number): void {
      if (bytes > limit) {
        throw new PAYLOAD_TOO_LARGE(String(limit))
      }
      hold(held)
    }
    function onData(chunk: Buffer): void {
      try {
        received += chunk.length
        admit(received, text.length + chunk.length)
        text.write(chunk)
        turn += chunk.length
        if (turn >= TURN) {
          turn = 0
          payload.pause()
          setImmediate(() => payload.resume())
        }
      } catch (error) {
        end(() => reject(error))
      }
    }
    function onEnd(): void {
      end(() => resolve(text))
    }
    function onError(error: Error): void {
      end(() => reject(error))
    }
    function end(settle: () => void): void {
      payload.off('data', onData).off('end', onEnd).off('error', onError)
      settle()
    }

    admit(announced, Math.min(announced, LONG))
    payload.on('data', onData).on('end', onEnd).on('error', onError)
  })
}
