import type { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Base64Digests } from './base64-digests.ts'
import { contentAlgorithms, type RuledSigners } from './content-algorithms.ts'
import { readText } from './read-text.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Of strings that the body has only the beginnings of, by the marks that these end in. */
    longContents: ReadonlyMap<string, Base64Digests>
  }
}

export interface JsonBodyOptions {
  readonly signers: RuledSigners
}

/** Bodies of JSON, of which long contents are hashed while they arrive. */
export const jsonBody = fp<JsonBodyOptions>(
  async (app, { signers }) => {
    const parse = app.getDefaultJsonParser('error', 'error')
    const chooseAlgorithms = contentAlgorithms(signers)

    function parseText(request: FastifyRequest, text: string): Promise<unknown> {
      return new Promise((resolve, reject) => {
        parse(request, text, (error, value) => (error === null ? resolve(value) : reject(error)))
      })
    }

    app.decorateRequest('longContents', null as unknown as ReadonlyMap<string, Base64Digests>)
    app.addContentTypeParser('application/json', async (request: FastifyRequest, payload: Readable) => {
      const length = request.headers['content-length']
      const { text, contents } = await readText(payload, {
        limit: request.routeOptions.bodyLimit,
        announced: length === undefined ? undefined : Number(length),
        chooseAlgorithms,
        hold: (bytes) => request.holdBody(bytes),
      })
      request.longContents = contents
      return parseText(request, text)
    })
  },
  { name: 'json-body', dependencies: ['body-budget', 'http-manners'] },
)
