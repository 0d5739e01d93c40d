import { IncomingMessage } from 'node:http'
import { BODY_PERIOD_MS, MIN_BODY_BYTES } from '../../common/arrival.ts'
import { INVALID_REQUEST, PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT } from '../../errors.ts'
import type { Base64Digests } from './base64-digests.ts'
import { BodyText, type ChooseAlgorithms } from './body-text.ts'
import { ReadingTurns } from './reading-turns.ts'

const TURNS = new ReadingTurns()

/** Bytes that are hashed in the time that it takes to receive one chunk, however short. */
const CHUNK_COST = 256

/**
 * Chunks that may be as short as they are. In more of them a body must have SHORT bytes in each on average: a million
 * chunks of one byte, which nobody sends who wants a signature, would take a second to receive.
 */
const MAX_SHORT_CHUNKS = 8_192
const SHORT = 16

/** Bytes of short chunks that are put together: if each stayed a buffer of its own, a byte would take 400. */
const GATHERED = 4096

/** One for all requests: making it takes longer than reading most bodies. */
const BODY_ENDED = new INVALID_REQUEST('body: ended before it was complete')

export interface BodyReaderOptions {
  /** Bytes that the body may have. */
  readonly limit: number
  /** Bytes that the header says the body has, if it does. */
  readonly announced: number | undefined
  readonly chooseAlgorithms: ChooseAlgorithms
  /** Is told how many bytes of memory the body takes, and what ends it; throws when that is too much. */
  hold(bytes: number, end: (error: Error) => void): void
}

export interface ReadText {
  readonly text: string
  /** Digests of the strings of which the text has only the beginnings, by the marks that these end in. */
  readonly contents: ReadonlyMap<string, Base64Digests>
}

/** Reads a body as it arrives, until it has come whole, is refused, or nobody waits for it any more. */
export class BodyReader {
  /**
   * Fulfilled when the body has come, and it is its turn to be parsed. Rejected with PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT,
   * INVALID_REQUEST for too many short chunks, with what `hold` throws, with the error of a body that ends too early, or
   * with that of `stop`.
   */
  readonly whole: Promise<void>
  readonly #message: IncomingMessage
  readonly #options: BodyReaderOptions
  readonly #pace: NodeJS.Timeout
  #nextCheck: NodeJS.Immediate | undefined
  /** Undefined as soon as nobody needs it: what refers to the request must not keep the body in memory. */
  #text: BodyText | undefined
  /** What ended reading before the body was handed over. */
  #ended: Error | undefined
  #gathered: Buffer | undefined
  #gatheredLength = 0
  #received = 0
  #chunks = 0
  /** Bytes that had been received when the present period began. */
  #receivedBefore = 0
  #isPaused = false
  #resolve!: () => void
  #reject!: (error: Error) => void

  constructor(message: IncomingMessage, options: BodyReaderOptions) {
    this.#message = message
    this.#options = options
    this.#text = new BodyText(options.chooseAlgorithms)
    this.whole = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // A request may be refused for something else, and nobody ever waits for its body
    this.whole.catch(() => {})
    // The check waits a turn, so that bytes that arrived while this process was busy are read first
    this.#pace = setInterval(() => {
      this.#nextCheck = setImmediate(this.#checkPace)
    }, BODY_PERIOD_MS)
    this.#pace.unref()
    message.on('data', this.#onData).on('end', this.#onEnd).on('error', this.abandon)
    if ((options.announced ?? 0) > options.limit) {
      this.stop(this.#tooLarge())
    }
  }

  /** Ends reading, as the client has left before its body was complete. */
  readonly abandon = (): void => {
    if (this.#text !== undefined) {
      this.stop(BODY_ENDED)
    }
  }

  /** Ends reading. Whatever still comes is discarded. */
  readonly stop = (error: Error): void => {
    this.#detach()
    this.#text = undefined
    this.#ended = error
    this.#gathered = undefined
    this.#options.hold(0, this.stop)
    this.#reject(error)
  }

  /**
   * Hands over the body that has come whole, once.
   *
   * @throws what ended reading since then, as where the client has left while its request waited for its turn
   */
  take(): ReadText {
    const text = this.#text
    if (text === undefined) {
      throw this.#ended
    }
    this.#text = undefined
    return { text: text.toString(), contents: text.contents }
  }

  readonly #onData = (chunk: Buffer): void => {
    const isFirst = this.#received === 0
    this.#received += chunk.length
    this.#chunks += 1
    try {
      if (this.#received > this.#options.limit) {
        throw this.#tooLarge()
      }
      if (this.#chunks > MAX_SHORT_CHUNKS && this.#received < this.#chunks * SHORT) {
        throw new INVALID_REQUEST(`body: comes in chunks of less than ${SHORT} bytes`)
      }
      if (isFirst || chunk.length > GATHERED / 4) {
        this.#writeGathered()
        this.#write(chunk)
      } else {
        this.#gather(chunk)
      }
    } catch (error) {
      this.stop(error as Error)
      return
    }
    if (TURNS.count(chunk.length + CHUNK_COST) && !this.#isPaused) {
      this.#pause()
    }
  }

  /**
   * Pauses the socket, and keeps it paused: a message has its socket read on whenever it has been read itself. The message
   * is not paused, as it would collect what comes in as many buffers as there are chunks.
   */
  #pause(): void {
    this.#isPaused = true
    this.#message._read = () => {}
    // Until the chunks that were read with this one are through
    process.nextTick(() => this.#message.socket.pause())
    TURNS.wait(this.#resume)
  }

  readonly #resume = (): void => {
    this.#isPaused = false
    this.#message._read = IncomingMessage.prototype._read
    this.#message.socket.resume()
  }

  readonly #onEnd = (): void => {
    try {
      this.#writeGathered()
    } catch (error) {
      this.stop(error as Error)
      return
    }
    this.#detach()
    if ((this.#text as BodyText).isSoonParsed) {
      this.#resolve()
    } else {
      TURNS.wait(this.#resolve)
    }
  }

  readonly #checkPace = (): void => {
    if (this.#received - this.#receivedBefore < MIN_BODY_BYTES) {
      this.stop(new REQUEST_TIMEOUT())
    }
    this.#receivedBefore = this.#received
  }

  #gather(chunk: Buffer): void {
    if (this.#gatheredLength + chunk.length > GATHERED) {
      this.#writeGathered()
    }
    this.#gathered ??= Buffer.allocUnsafeSlow(GATHERED)
    chunk.copy(this.#gathered, this.#gatheredLength)
    this.#gatheredLength += chunk.length
  }

  #writeGathered(): void {
    if (this.#gathered !== undefined && this.#gatheredLength > 0) {
      this.#write(Buffer.from(this.#gathered.subarray(0, this.#gatheredLength)))
      this.#gatheredLength = 0
    }
  }

  #write(bytes: Buffer): void {
    const text = this.#text as BodyText
    text.write(bytes)
    this.#options.hold(text.length + (this.#gathered?.length ?? 0), this.stop)
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
    // Without listeners the message goes on flowing: a client that is sending comes to read the answer
    this.#message.off('data', this.#onData).off('end', this.#onEnd).off('error', this.abandon)
  }
}
