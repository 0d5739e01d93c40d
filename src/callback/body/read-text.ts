import type { Readable } from 'node:stream'
import { PAYLOAD_TOO_LARGE } from '../../errors.ts'
import type { Base64Digests } from './base64-digests.ts'
import { BodyText, type ChooseAlgorithms, LONG } from './body-text.ts'

/** Bytes after which other requests have their turn: with all algorithms 2 to 4 ms. */
const TURN = 524_288

const NO_CONTENTS: ReadonlyMap<string, Base64Digests> = new Map()

export interface ReadOptions {
  /** Bytes that the body may have. */
  readonly limit: number
  /** What the header says that it has. */
  readonly announced: number | undefined
  readonly chooseAlgorithms: ChooseAlgorithms
  /** Told how many bytes are in memory, before there are more; throws when that is too many. */
  hold(bytes: number): void
}

export interface ReadText {
  readonly text: string
  /** Of strings that the text has only the beginnings of, by the marks that these end in. */
  readonly contents: ReadonlyMap<string, Base64Digests>
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
): Promise<ReadText> {
  return new Promise((resolve, reject) => {
    /** All of a body that has no room for a long string: nothing needs to be looked for in it. */
    const short: Buffer[] = []
    let long: BodyText | undefined
    let received = 0
    let turn = 0

    function admit(bytes: number, held: number): void {
      if (bytes > limit) {
        throw new PAYLOAD_TOO_LARGE(String(limit))
      }
      hold(held)
    }
    function write(chunk: Buffer): void {
      if (received <= LONG) {
        short.push(chunk)
      } else {
        long ??= new BodyText(chooseAlgorithms)
        for (const bytes of [...short.splice(0), chunk]) {
          long.write(bytes)
        }
      }
    }
    function onData(chunk: Buffer): void {
      try {
        received += chunk.length
        admit(received, long === undefined ? received : long.length + chunk.length)
        write(chunk)
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
      // Where there is no memory for it, this request alone fails
      end(() =>
        resolve(
          Promise.resolve().then(() => ({
            text: long === undefined ? concat(short).toString() : long.toString(),
            contents: long?.contents ?? NO_CONTENTS,
          })),
        ),
      )
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

/** A body of some kilobytes comes in one piece, which need not be copied. */
function concat(pieces: readonly Buffer[]): Buffer {
  const [only, second] = pieces
  return only !== undefined && second === undefined ? only : Buffer.concat(pieces)
}
