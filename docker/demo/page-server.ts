import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { judge, type TrustAnchors } from './judge.ts'
import type { OfferedSigner } from './signers.ts'
import { TOKEN_KINDS, type TokenIssuer } from './tokens.ts'

/** Largest PDF that is judged. The page signs none that is larger. */
export const MAX_PDF_BYTES = 50_000_000

/** Tells the page about the demo. */
export interface PageSettings {
  /** Address of the signing service without a path. */
  readonly service: string
  readonly signers: readonly OfferedSigner[]
  readonly maxPdfBytes: number
}

export interface PageServerOptions {
  readonly port: number
  readonly service: string
  readonly signers: readonly OfferedSigner[]
  readonly tokens: TokenIssuer
  readonly anchors: TrustAnchors
  /** Folder of index.html and page.css. */
  readonly folder: string
  readonly samplePdf: string
  /** The bundled script of the page. */
  readonly script: Promise<string>
}

export interface PageServer {
  readonly url: string
  close(): Promise<void>
}

/** Returns the origins under which a browser on this machine knows the page. */
export function pageOrigins(port: number): string[] {
  return [`http://127.0.0.1:${port}`, `http://localhost:${port}`]
}

interface Answer {
  readonly type: string
  readonly body: string | Uint8Array
  readonly status?: number
}

/**
 * Serves the page on this machine alone: its files, tokens for the service (`POST /token`), and verdicts of pdfsig and
 * OpenSSL about a PDF (`POST /judge`).
 */
export async function startPageServer(options: PageServerOptions): Promise<PageServer> {
  const { port, service, folder, tokens, anchors, signers } = options
  const settings: PageSettings = { service, signers, maxPdfBytes: MAX_PDF_BYTES }
  const file = (type: string, path: string) => async () => ({ type, body: await readFile(path) })
  const handlers: Readonly<Record<string, (request: IncomingMessage, url: URL) => Promise<Answer>>> = {
    'GET /': file('text/html; charset=utf-8', join(folder, 'index.html')),
    'GET /page.css': file('text/css; charset=utf-8', join(folder, 'page.css')),
    'GET /page.js': async () => ({ type: 'text/javascript; charset=utf-8', body: await options.script }),
    'GET /sample.pdf': file('application/pdf', options.samplePdf),
    'GET /settings.json': async () => json(settings),
    'POST /token': async (_request, { searchParams }) => {
      const kind = TOKEN_KINDS.find((known) => known === (searchParams.get('kind') ?? 'valid'))
      if (kind === undefined) return refuse(400, `kind must be one of ${TOKEN_KINDS.join(', ')}`)
      return { type: 'text/plain', body: await tokens.issue(kind) }
    },
    'POST /judge': async (request) => {
      const pdf = await readBody(request)
      if (pdf === undefined) return refuse(413, `The PDF has more than ${MAX_PDF_BYTES} bytes`)
      try {
        return json(await judge(pdf, anchors))
      } catch (error) {
        return refuse(422, (error as Error).message)
      }
    },
  }
  const origins = pageOrigins(port)
  const answer = async (request: IncomingMessage): Promise<Answer> => {
    // A name that was made to resolve to this machine (DNS rebinding) and other pages get nothing.
    const { host, origin } = request.headers
    const isOwn = origins.includes(`http://${host}`) && (origin === undefined || origins.includes(origin))
    if (!isOwn) return refuse(403, 'This server answers its own page alone')
    // Some addresses that a page of anybody can have an image at, such as `//`, are none
    const url = URL.canParse(`${request.url}`, origins[0]) ? new URL(`${request.url}`, origins[0]) : undefined
    const handler = url && handlers[`${request.method} ${url.pathname}`]
    return handler ? handler(request, url) : refuse(404, 'There is nothing at this address')
  }
  const headers = {
    'content-security-policy':
      `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ${service}; ` +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  }
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const {
      type,
      body,
      status = 200,
    } = await answer(request).catch((error: unknown) => {
      console.error(error)
      return refuse(500, 'The page server failed; the terminal of the demo says why')
    })
    response.writeHead(status, { ...headers, 'content-type': type }).end(body)
  }
  const server = createServer((request, response) => void respond(request, response))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    url: origins[0] as string,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function json(value: unknown): Answer {
  return { type: 'application/json', body: JSON.stringify(value) }
}

function refuse(status: number, message: string): Answer {
  return { type: 'text/plain; charset=utf-8', body: message, status }
}

/** Returns the body of a request; undefined where it is longer than MAX_PDF_BYTES, of which the rest is not kept. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.byteLength
    if (length <= MAX_PDF_BYTES) chunks.push(chunk)
  }
  return length <= MAX_PDF_BYTES ? Buffer.concat(chunks) : undefined
}
