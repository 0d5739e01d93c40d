import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { CallbackBody } from '../../../schemas/callback.ts'
import { findHashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import type { SignerRules } from '../../configuration/signer-configuration.ts'
import { INVALID_REQUEST } from '../../errors.ts'
import { BodyReader } from './body-reader.ts'
import { type ChooseAlgorithms, certificatesTooLarge } from './body-text.ts'
import type { Base64Digests } from './long-string.ts'
import { findRepeatedName } from './repeated-name.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Reads the body as soon as the headers were read. */
    bodyReader: BodyReader
    /** Digests of the strings that the body cuts short, keyed by the marks that these end in. */
    longContents: ReadonlyMap<string, Base64Digests>
  }
}

/** Fields whose values can have megabytes. */
const CONTENT_FIELDS: readonly string[] = ['encoded_contents', 'encodedContents', 'data_to_be_signed']

export interface JsonBodyOptions {
  /** The signers, with the hash algorithms that each allows. */
  readonly signers: { all(): readonly { readonly rules: Pick<SignerRules, 'hashAlgorithms'> }[] }
}

/** Fields that must not stand twice. Others may, since nobody reads them. */
const KNOWN_NAMES: ReadonlySet<string> = new Set(Object.keys(CallbackBody.properties))

/** Parses JSON bodies, and hashes long contents while they arrive. */
export const jsonBody = fp<JsonBodyOptions>(
  async (app, { signers }) => {
    const parse = app.getDefaultJsonParser('error', 'error')
    const chooseAlgorithms = createAlgorithmChooser(signers)

    function parseText(request: FastifyRequest, text: string): Promise<unknown> {
      return new Promise((resolve, reject) => {
        parse(request, text, (error, value) => (error === null ? resolve(value) : reject(error)))
      })
    }

    app.decorateRequest('bodyReader', null as unknown as BodyReader)
    app.decorateRequest('longContents', null as unknown as ReadonlyMap<string, Base64Digests>)
    // The body is read at once, since until then Node keeps each of its chunks as a buffer of its own
    app.addHook('onRequest', (request, reply, done) => {
      const length = request.headers['content-length']
      const reader = new BodyReader(request.raw, {
        limit: request.routeOptions.bodyLimit,
        announced: length === undefined ? undefined : Number(length),
        chooseAlgorithms,
        hold: (bytes, end) => request.holdBody(bytes, end),
      })
      request.bodyReader = reader
      reply.raw.once('close', () => {
        reader.abandon()
        // A request, and all that it refers to, may stay in memory until the next full garbage collection
        request.body = undefined
      })
      done()
    })
    app.addContentTypeParser('application/json', async (request: FastifyRequest) => {
      await request.bodyReader.whole
      const { text, contents } = request.bodyReader.take()
      request.longContents = contents
      const body = await parseText(request, text)
      const repeated = findRepeatedName(text, KNOWN_NAMES)
      if (repeated !== undefined) {
        throw new INVALID_REQUEST(`${repeated}: must not stand in the body twice`)
      }
      return body
    })
  },
  { name: 'json-body', dependencies: ['body-budget', 'http-defaults'] },
)

/**
 * Returns a function that chooses how contents are hashed while they arrive: with the algorithm that was named before
 * them, or with each that may still be named, since contents are not kept. It refuses contents for get_certificates.
 */
export function createAlgorithmChooser(signers: JsonBodyOptions['signers']): ChooseAlgorithms {
  return (before) => {
    if (before?.fields.action === 'get_certificates') {
      throw certificatesTooLarge()
    }
    if (before !== undefined && !CONTENT_FIELDS.includes(before.field)) {
      return []
    }
    const name = before?.fields.hash_algorithm
    if (typeof name === 'string') {
      // An unknown algorithm is refused when the whole body was read
      return [findHashAlgorithm(name)].filter((algorithm) => algorithm !== undefined)
    }
    return [...new Set(signers.all().flatMap(({ rules }) => rules.hashAlgorithms))]
  }
}
