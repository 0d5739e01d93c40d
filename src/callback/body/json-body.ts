import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { CallbackBody } from '../../../schemas/callback.ts'
import { INVALID_REQUEST } from '../../errors.ts'
import type { Base64Digests } from './base64-digests.ts'
import { BodyReader } from './body-reader.ts'
import { contentAlgorithms, type RuledSigners } from './content-algorithms.ts'
import { findRepeatedName } from './repeated-name.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Reads the body from the moment on at which the headers were read. */
    bodyReader: BodyReader
    /** Digests of strings of which the body has only the beginnings, by the marks that these end in. */
    longContents: ReadonlyMap<string, Base64Digests>
  }
}

export interface JsonBodyOptions {
  readonly signers: RuledSigners
}

/** Fields that mean something here. Others may stand twice, as nobody reads them. */
const KNOWN_NAMES: ReadonlySet<string> = new Set(Object.keys(CallbackBody.properties))

/** Bodies of JSON. Long contents are hashed while they arrive. */
export const jsonBody = fp<JsonBodyOptions>(
  async (app, { signers }) => {
    const parse = app.getDefaultJsonParser('error', 'error')
    const chooseAlgorithms = contentAlgorithms(signers)

    function parseText(request: FastifyRequest, text: string): Promise<unknown> {
      return new Promise((resolve, reject) => {
        parse(request, text, (error, value) => (error === null ? resolve(value) : reject(error)))
      })
    }

    app.decorateRequest('bodyReader', null as unknown as BodyReader)
    app.decorateRequest('longContents', null as unknown as ReadonlyMap<string, Base64Digests>)
    // At once: until a body is read, Node keeps each of its chunks as a buffer of its own
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
        // The request may be kept in memory until the next full garbage collection, and all that it refers to
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
  { name: 'json-body', dependencies: ['body-budget', 'http-manners'] },
)
