import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Bytes to answer with; undefined where the handler has answered itself, or does not. */
type Answer = Buffer | undefined
export type Handler = (body: Buffer, response: ServerResponse) => Answer | Promise<Answer>

/** OCSP responders and distribution points on this machine, which answer as a test wants. */
export interface RevocationServer {
  /** Without a path. */
  readonly url: string
  /** What is at a path from now on. */
  on(path: string, handler: Handler): void
  /** Paths that were asked for, in their order. */
  readonly asked: string[]
  /** Ends when no handler works any more. */
  close(): Promise<void>
}

/** @param port on 127.0.0.1; any free one by default */
export async function startRevocationServer(port = 0): Promise<RevocationServer> {
  const handlers = new Map<string, Handler>()
  const asked: string[] = []
  const working = new Set<Promise<void>>()
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = `${request.url}`
    asked.push(path)
    const chunks: Buffer[] = []
    for await (const chunk of request) {
      chunks.push(chunk)
    }
    const handler = handlers.get(path)
    if (handler === undefined) {
      response.writeHead(404).end()
      return
    }
    const content = await handler(Buffer.concat(chunks), response)
    if (content !== undefined) {
      response.end(content)
    }
  }
  const server = createServer((request, response) => {
    const work = answer(request, response).catch(() => {})
    working.add(work)
    void work.finally(() => working.delete(work))
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    on: (path, handler) => handlers.set(path, handler),
    asked,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await Promise.all(working)
    },
  }
}
