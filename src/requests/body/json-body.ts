import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { CLOSING_BODY_MS } from '../../common/arrival.ts'
import { removeFrom } from '../../common/remove-from.ts'
import { INVALID_REQUEST, SERVICE_BUSY } from '../../errors.ts'
import { BodyReader } from './body-reader.ts'
import type { ChooseAlgorithms } from './body-text.ts'
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

export interface JsonBodyOptions {
  /** Fields that must not stand twice. Others may, since nobody reads them. */
  readonly names: readonly string[]
  readonly chooseAlgorithms: ChooseAlgorithms
  /** Names of the fields that hold documents, of which only digests are needed. */
  readonly documents: readonly string[]
}

/** Parses JSON bodies, and hashes long contents while they arrive. */
export const jsonBody = fp<JsonBodyOptions>(
  async (app, { names, chooseAlgorithms, documents }) => {
    const parse = app.getDefaultJsonParser('error', 'error')
    const known = new Set(names)
    const arriving: BodyReader[] = []

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
        documents,
        hold: (bytes, end) => request.holdBody(bytes, end),
      })
      request.bodyReader = reader
      arriving.push(reader)
      const forget = () => removeFrom(arriving, reader)
      reader.whole.then(forget, forget)
      reply.raw.once('close', () => {
        reader.abandon()
        // A request, and all that it refers to, may stay in memory until the next full garbage collection
        request.body = undefined
      })
      done()
    })
    app.addHook('preClose', async () => {
      setTimeout(() => {
        for (const reader of [...arriving]) {
          reader.stop(new SERVICE_BUSY())
        }
      }, CLOSING_BODY_MS).unref()
    })
    app.addContentTypeParser('application/json', async (request: FastifyRequest) => {
      await request.bodyReader.whole
      const { text, contents } = request.bodyReader.take()
      request.longContents = contents
      const body = await parseText(request, text)
      const repeated = findRepeatedName(text, known)
      if (repeated !== undefined) {
        throw new INVALID_REQUEST(`${repeated}: must not stand in the body twice`)
      }
      return body
    })
  },
  { name: 'json-body', dependencies: ['body-budget', 'http-defaults'] },
)
