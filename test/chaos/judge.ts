/** Requests whose answers can be told right from wrong, and OpenSSL as the judge of them. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Answer } from '../support/http.ts'
import { rawRequest } from '../support/signing.ts'
import type { Certificates } from '../support/token.ts'
import { verifyCms, verifySignature } from '../support/validators/openssl.ts'

/** One request in so many is for a container, and one for a raw signature that the command line tool verifies too. */
const CONTAINER_EVERY = 50
const SAMPLE_EVERY = 200
/** openssl commands at a time, when the load is over. */
const AT_ONCE = 2

export interface SigningRequest {
  readonly text: string
  readonly container: boolean
  readonly sample: boolean
  /** JSON. */
  readonly body: string
}

export class Judge {
  readonly #certificates: Certificates
  readonly #leaf: Buffer
  readonly #key: KeyObject
  #number = 0
  #samples: { request: SigningRequest; signature: Buffer }[] = []

  constructor(publicKeyFile: string, certificates: Certificates) {
    this.#certificates = certificates
    this.#leaf = readFileSync(certificates.leaf)
    this.#key = createPublicKey(readFileSync(publicKeyFile))
  }

  /** The next request: each is over another text, so that no answer can pass for that to another one. */
  nextRequest(): SigningRequest {
    this.#number += 1
    const text = `document ${this.#number} of ${process.pid}`
    const container = this.#number % CONTAINER_EVERY === 0
    const sample = container || this.#number % SAMPLE_EVERY === 1
    const body = container
      ? {
          action: 'sign_pkcs7',
          encoded_contents: Buffer.from(text).toString('base64'),
          signature_type: 'cades',
        }
      : rawRequest(text)
    return { text, container, sample, body: JSON.stringify(body) }
  }

  /** `signed`, `wrong signature`, or the status with the error's code. Of containers `verifySamples` decides. */
  outcome(request: SigningRequest, { statusCode, body }: Answer): string {
    if (statusCode !== 200) {
      return `${statusCode} ${errorCode(body)}`
    }
    if (request.sample) {
      this.#samples.push({ request, signature: body })
    }
    const right = request.container || verify('sha256', Buffer.from(request.text), this.#key, body)
    return right ? 'signed' : 'wrong signature'
  }

  /**
   * Has the openssl command verify the containers, and the raw signatures that were put aside, since the last call.
   *
   * @returns how many it verified, and what it said of those that are wrong
   */
  async verifySamples(): Promise<{ verified: number; wrong: string[] }> {
    const samples = this.#samples
    this.#samples = []
    const wrong: string[] = []
    const queue = samples[Symbol.iterator]()
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const { request, signature } of queue) {
          const { valid, message } = await this.#verify(request, signature)
          if (!valid) {
            wrong.push(message)
          }
        }
      }),
    )
    return { verified: samples.length, wrong }
  }

  #verify({ text, container }: SigningRequest, signature: Buffer) {
    const content = Buffer.from(text)
    return container
      ? verifyCms({ cms: signature, content, trustAnchors: this.#certificates.root, cades: true })
      : verifySignature({ certificate: this.#leaf, hash: 'sha256', data: content, signature })
  }
}

/** What did not come from the service's own code may have any body. */
function errorCode(body: Buffer): string {
  try {
    return String(JSON.parse(body.toString()).code)
  } catch {
    return 'without a code'
  }
}
