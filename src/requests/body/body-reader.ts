import { IncomingMessage } from 'node:http'
import { BODY_PERIOD_MS, MIN_BODY_BYTES } from '../../common/arrival.ts'
import { ChunkGatherer } from '../../common/chunk-gatherer.ts'
import { INVALID_REQUEST, PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT } from '../../errors.ts'
import { EventLoopTurns } from '../event-loop-turns.ts'
import { BodyText, type ChooseAlgorithms } from './body-text.ts'
import { discardBody } from './discard-body.ts'
import type { Base64Digests } from './long-string.ts'

/** The turns of all bodies. Callbacks have turns of their own, so that they do not wait for bodies. */
const TURNS = new EventLoopTurns()

/** Cost of receiving one chunk, however short, as the number of bytes that are hashed in the same time. */
const CHUNK_COST = 256

/**
 * Chunks that may be of any length. For each one more a body must have 64 bytes: a thousand connections that each
 * bring thousands of chunks of one byte at once would keep all others waiting for 20 seconds.
 */
const MAX_SHORT_CHUNKS = 128
const MIN_MEAN_CHUNK = 64

/** All requests share this error, since creating it takes longer than reading most bodies. */
const BODY_ENDED = new INVALID_REQUEST('body: ended before it was complete')

export interface BodyReaderOptions {
  /** Most bytes that the body may have. */
  readonly limit: number
  /** Content-Length, in bytes; undefined if the header is absent. */
  readonly announced: number | undefined
  readonly chooseAlgorithms: ChooseAlgorithms
  /** Names of the fields that hold documents. */
  readonly documents: readonly string[]
  /** Called with the bytes of memory that the body takes, and a function that ends it; throws if these are too many. */
  hold(bytes: number, end: (error: Error) => void): void
}

/** Reads a body as it arrives, until it is complete, is refused, or nobody waits for it any more. */
export class BodyReader {
  /**
   * Fulfilled when the body is complete and it is its turn to be parsed. Rejected with PAYLOAD_TOO_LARGE,
   * REQUEST_TIMEOUT, INVALID_REQUEST for too many short chunks or a body that ends too early, or the error of `hold` or
   * of `stop`.
   */
  readonly whole: Promise<void>
  /** Time at which all of it had arrived, in ms of `performance.now()`; undefined until then. */
  arrivedAt: number | undefined
  readonly #message: IncomingMessage
  readonly #options: BodyReaderOptions
  readonly #pace: NodeJS.Timeout
  #nextCheck: NodeJS.Immediate | undefined
  /** Undefined as soon as nobody needs the text, since objects that refer to the request must not keep it in memory. */
  #text: BodyText | undefined
  /** The error that ended reading before the body was handed over. */
  #ended: Error | undefined
  readonly #gatherer = new ChunkGatherer((bytes) => this.#write(bytes))
  #received = 0
  #chunks = 0
  /** Value of `#received` when the present period began. */
  #receivedBefore = 0
  #isPaused = false
  #resolve!: () => void
  #reject!: (error: Error) => void

  constructor(message: IncomingMessage, options: BodyReaderOptions) {
    this.#message = message
    this.#options = options
    this.#text = new BodyText(options.chooseAlgorithms, options.documents)
    this.whole = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // If a request is refused for another reason, nobody ever awaits its body
    this.whole.catch(() => {})
    // The check waits a turn, so that bytes that arrived while this process was busy are read first
    this.#pace = setInterval(() => {
      this.#nextCheck = setImmediate(this.#checkPace)
    }, BODY_PERIOD_MS)
    this.#pace.unref()
    message.on('data', this.#onData).on('end', this.#onEnd).on('error', this.abandon)
    // From here on chunks are handed over as they are parsed. A message would first collect those of the first read
    message.read(0)
    if ((options.announced ?? 0) > options.limit) {
      this.stop(this.#tooLarge())
    }
  }

  /** Ends reading because the client has left or has its answer. Does nothing once the body was handed over. */
  readonly abandon = (): void => {
    // A connection that stays open would never be read from again
    if (this.#message.socket.destroyed) {
      TURNS.forget(this.#resume)
    }
    if (this.#text !== undefined) {
      this.stop(BODY_ENDED)
    }
  }

  /** Ends reading and discards the rest of the body. */
  readonly stop = (error: Error): void => {
    this.#detach()
    if (discardBody(this.#message)) {
      // A turn that is still to come would have the socket read on
      TURNS.forget(this.#resume)
    }
    this.#text?.free()
    this.#text = undefined
    this.#ended = error
    this.#gatherer.drop()
    TURNS.forget(this.#resolve)
    this.#options.hold(0, this.stop)
    this.#reject(error)
  }

  /**
   * Hands over the complete body, once.
   *
   * @returns the text, and digests of the strings that it cuts short, keyed by the marks that these end in
   * @throws the error that ended reading, for example because the client left while its request waited for its turn
   */
  take(): { readonly text: string; readonly contents: ReadonlyMap<string, Base64Digests> } {
    const text = this.#text
    if (text === undefined) {
      throw this.#ended
    }
    this.#text = undefined
    const taken = { text: text.toString(), contents: text.contents }
    text.free()
    return taken
  }

  readonly #onData = (chunk: Buffer): void => {
    // A chunk that was read is freed, and has no length any more
    const { length } = chunk
    this.#received += length
    this.#chunks += 1
    try {
      if (this.#received > this.#options.limit) {
        throw this.#tooLarge()
      }
      if (this.#received < (this.#chunks - MAX_SHORT_CHUNKS) * MIN_MEAN_CHUNK) {
        throw new INVALID_REQUEST(
          `body: comes in pieces of less than ${MIN_MEAN_CHUNK} bytes: have the client buffer what it writes`,
        )
      }
      this.#gatherer.add(chunk)
    } catch (error) {
      this.stop(error as Error)
      return
    }
    if (TURNS.count(length + CHUNK_COST) && !this.#isPaused) {
      this.#pause()
    }
  }

  /**
   * Pauses the socket, and keeps it paused, although a message resumes its socket whenever it has been read. The
   * message is not paused, since it would collect as many buffers as chunks arrive.
   */
  #pause(): void {
    this.#isPaused = true
    this.#message._read = () => {}
    // The chunks that were read together with this one are handled first
    process.nextTick(() => this.#message.complete || this.#message.socket.pause())
    TURNS.wait(this.#resume, this.#received)
  }

  readonly #resume = (): void => {
    this.#isPaused = false
    this.#message._read = IncomingMessage.prototype._read
    // It resumes the socket, unless an answer before this one waits for its reader: Node.js goes on then when that is sent
    this.#message._read(0)
  }

  readonly #onEnd = (): void => {
    this.arrivedAt = performance.now()
    try {
      this.#gatherer.flush()
    } catch (error) {
      this.stop(error as Error)
      return
    }
    this.#detach()
    if ((this.#text as BodyText).isQuicklyParsed) {
      this.#resolve()
    } else {
      TURNS.wait(this.#resolve, this.#received)
    }
  }

  readonly #checkPace = (): void => {
    // While it waits for its turn nothing of it is read, however much its client sends
    if (!this.#isPaused && this.#received - this.#receivedBefore < MIN_BODY_BYTES) {
      this.stop(new REQUEST_TIMEOUT())
    }
    this.#receivedBefore = this.#received
  }

  #write(bytes: Buffer): void {
    const text = this.#text as BodyText
    text.write(bytes)
    this.#options.hold(text.length + this.#gatherer.size, this.stop)
  }

  #tooLarge(): Error {
    const { limit } = this.#options
    return new PAYLOAD_TOO_LARGE(
      `The body is larger than the ${limit} bytes that SIGNING_SERVICE_BODY_LIMIT allows`,
    )
  }

  #detach(): void {
    clearInterval(this.#pace)
    clearImmediate(this.#nextCheck)
    // Without listeners the message goes on flowing, so that a client that is still sending gets to read the answer.
    // The one of its error stays: Node looks whether there is one a tick before the error, which ends the process without
    this.#message.off('data', this.#onData).off('end', this.#onEnd)
  }
}
