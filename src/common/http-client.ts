/** Sends HTTP requests to services of others with node:http, since `fetch` refuses ports and client certificates. */
import type { X509Certificate } from 'node:crypto'
import { Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { type AgentOptions, type RequestOptions, request as requestTls, Agent as TlsAgent } from 'node:https'
import type { LookupFunction, Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { HttpsProxyAgent } from 'hpagent'
import { ChunkGatherer } from './chunk-gatherer.ts'
import { nameLookups } from './name-lookups.ts'
import { isPrivateAddress, isPrivateHost, lookupPublic } from './private-address.ts'
import { Proxies, type ProxyServer } from './proxies.ts'
import { ReachedAddresses } from './reached-addresses.ts'
import { contextsFor, type TlsMaterial, withContextName } from './tls-contexts.ts'

/** Time for which an unused connection is kept, in ms: less than servers and firewalls keep it. */
const IDLE_MS = 15_000
const MAX_REDIRECTS = 3

/**
 * Time for which one of several addresses of a host is tried, in ms, before the next one. Node gives up each but the last:
 * after its 250 ms a host on the other side of the world would never be reached where no way leads to the last. Within this time
 * a packet that was lost is sent again.
 */
const ATTEMPT = { autoSelectFamilyAttemptTimeout: 1_500 }

/**
 * Chunks of an answer that may be of any length. If there are more, they must have 128 bytes on average: Node reads two
 * megabytes in one turn of the event loop, which would take a second with a chunk for each byte.
 */
const MAX_SHORT_CHUNKS = 8_192
const MIN_MEAN_CHUNK = 128

/** Least bytes of a part in the time that it has for them while others wait. */
const PACE_BYTES = 20_000

/** Most informational answers (RFC 9110 15.2) before the final one. Without a limit they could go on to the timeout. */
const MAX_INFORMATIONAL = 16

/** Statuses that send the same request to another address (RFC 9110 15.4). */
const REDIRECTS: readonly number[] = [301, 302, 307, 308]
/** Status that sends a GET to another address, whatever was asked for (RFC 9110 15.4.4). */
const SEE_OTHER = 303

export interface HttpClientOptions {
  readonly proxies?: Proxies
  /** Most connections to one host, which are kept for further requests. If absent, each request has its own. */
  readonly connections?: number
  /** Replaces `isPrivateAddress` in tests. */
  readonly isPrivate?: (address: string) => boolean
  /** Looks up the names of hosts and proxies; by default as for a request that a caller waits for. */
  readonly lookup?: LookupFunction
}

export interface HttpRequest {
  readonly url: URL
  /** Content to post, and its media type; if absent, the request is a GET. */
  readonly body?: { readonly type: string; readonly content: Buffer }
  /** Media type of the requested answer. */
  readonly accept?: string
  /** Value of the Authorization header, which is sent only to the origin of `url`. */
  readonly authorization?: string
  /** PEM, for https; certificate and key are used only with the origin of `url`. */
  readonly tls?: TlsMaterial
  /** Most bytes of the answer. */
  readonly limit: number
  /** Has the answer read in parts, which may have to wait for those of other answers. */
  readonly parts?: {
    /** Bytes of each part. */
    readonly bytes: number
    /** Called after each part. The next one is read when the promise resolves, which must not reject. */
    readonly next: () => Promise<void>
    /** Time in ms in which {@link PACE_BYTES} of it must come, as long as others wait. */
    readonly paceMs: number
    /** Returns whether others wait for what is kept of this answer. */
    readonly doOthersWait: () => boolean
  }
  /** True if any status counts as an answer, rather than only 200, and redirects are not followed. */
  readonly anyStatus?: boolean
  /** Longest time in ms for which the server may send nothing; by default any. */
  readonly silenceMs?: number
  /** Ends the exchange; its reason is thrown. Callers limit the time with it. */
  readonly signal: AbortSignal
}

export interface HttpResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Certificate that the server has shown by TLS; undefined without TLS. */
  readonly serverCertificate: X509Certificate | undefined
}

/** One request of an exchange, which has several if there are redirects. */
interface Hop {
  readonly url: URL
  /** True if the request goes to the origin that credentials are for. */
  readonly isOwnOrigin: boolean
  /** True if the request may go to a private address. */
  readonly mayBePrivate: boolean
}

export class HttpClient {
  readonly #proxies: Proxies
  readonly #isPrivate: (address: string) => boolean
  readonly #reached = new ReachedAddresses()
  readonly #lookup: LookupFunction
  readonly #agent: Agent
  readonly #tlsAgent: TlsAgent
  /** Opens tunnels to https addresses through their proxy; undefined if there is none. */
  readonly #tunnels: TlsAgent | undefined
  /** Connections that have had a request. Node says of those alone for which no request waited that they are used again. */
  readonly #used = new WeakSet<Socket>()

  constructor({
    proxies = new Proxies(),
    connections,
    isPrivate = isPrivateAddress,
    lookup = nameLookups.forCallers,
  }: HttpClientOptions = {}) {
    const options =
      connections === undefined ? {} : { keepAlive: true, maxSockets: connections, timeout: IDLE_MS }
    this.#proxies = proxies
    this.#isPrivate = isPrivate
    this.#lookup = this.#reached.putFirst(lookup)
    this.#agent = new Agent(options)
    this.#tlsAgent = new ContextAgent(options)
    this.#tunnels = proxies.https && createTunnels(proxies.https, options, this.#lookup)
  }

  /**
   * Sends a request. Follows redirects, but neither from https to http nor from a public to a private address. A proxy
   * looks up addresses itself, so that behind one only hosts that are private by their names are known to be so.
   *
   * @throws HttpError that says why there is no answer; the signal's reason if it is aborted
   */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const { url, anyStatus, signal } = request
    signal.throwIfAborted()
    checkTls(request)
    let hop: Hop = { url, isOwnOrigin: true, mayBePrivate: true }
    try {
      for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
        const message = await this.#exchange(request, hop)
        const { statusCode: status = 0, headers } = message
        if (status === 200 || anyStatus) {
          // The connection may be gone once the body is read
          const serverCertificate = certificateOf(message)
          const { remoteAddress } = message.socket
          const body = await read(message, request)
          this.#noteReached(hop, status === 200 ? remoteAddress : undefined)
          return { status, headers, body, serverCertificate }
        }
        const mayBePrivate = redirects === 0 ? this.#isFromPrivate(message, hop) : hop.mayBePrivate
        message.destroy()
        const isRedirect = REDIRECTS.includes(status) || (status === SEE_OTHER && request.body === undefined)
        if (!isRedirect || headers.location === undefined) {
          throw new HttpError('status', `answered with the HTTP status ${status}`, status)
        }
        hop = this.#redirect({ ...hop, mayBePrivate }, headers.location)
      }
      throw new HttpError('redirect', `redirects more than ${MAX_REDIRECTS} times`)
    } catch (error) {
      this.#noteReached(hop, undefined)
      signal.throwIfAborted()
      throw error instanceof HttpError ? error : unreachable(error, this.#proxies.for(hop.url))
    }
  }

  /** @param address that gave a good answer; undefined if none did */
  #noteReached({ url }: Hop, address: string | undefined): void {
    const { hostname } = this.#proxies.for(url)?.url ?? url
    this.#reached.note(hostname, address)
  }

  /** Closes the connections. */
  close(): void {
    this.#agent.destroy()
    this.#tlsAgent.destroy()
    this.#tunnels?.destroy()
  }

  /** Sends one request, and repeats it on a new connection if a kept one was closed when it was used again. */
  async #exchange(request: HttpRequest, hop: Hop): Promise<IncomingMessage> {
    for (;;) {
      const outgoing = this.#open(request, hop)
      let isUsedAgain = false
      outgoing.on('socket', (socket) => {
        isUsedAgain = this.#used.has(socket)
        this.#used.add(socket)
      })
      try {
        return await awaitAnswer(outgoing, request)
      } catch (error) {
        // A request that this client has ended itself would end in the same way again
        if (!isUsedAgain || error instanceof HttpError || request.signal.aborted) {
          throw error
        }
      }
    }
  }

  #open({ body, accept, authorization, tls, silenceMs, signal }: HttpRequest, hop: Hop): ClientRequest {
    const { url, isOwnOrigin, mayBePrivate } = hop
    const proxy = this.#proxies.for(url)
    const isTls = url.protocol === 'https:'
    const options = {
      method: body === undefined ? 'GET' : 'POST',
      signal,
      ...(silenceMs && { timeout: silenceMs }),
      ...ATTEMPT,
      headers: {
        'user-agent': 'signing-service',
        // Without it a server may send what it has compressed (RFC 9110 12.5.3)
        'accept-encoding': 'identity',
        // A cache on the way must not hide what has changed, such as a revocation (RFC 9111 5.2.1.4)
        ...(body === undefined && { 'cache-control': 'no-cache' }),
        ...(body && { 'content-type': body.type, 'content-length': body.content.length }),
        ...(accept && { accept }),
        ...(isOwnOrigin && authorization && { authorization }),
      },
      ...(isTls && tls && contextsFor(tls)[isOwnOrigin ? 'own' : 'others']),
    }
    if (proxy !== undefined) {
      const tunnelled = { ...options, agent: this.#tunnels as TlsAgent, waiting: signal }
      return isTls ? requestTls(url, tunnelled) : this.#openThroughProxy(url, proxy, options)
    }
    // A kept connection may lead to an address to which a redirect must not
    const connection = mayBePrivate
      ? { agent: isTls ? this.#tlsAgent : this.#agent, lookup: this.#lookup }
      : { agent: false, lookup: lookupPublic(this.#lookup, refusedRedirect(), this.#isPrivate) }
    return (isTls ? requestTls : request)(url, { ...options, ...connection })
  }

  /** Sends the whole address as the target (RFC 9112 3.2.2), since proxies allow CONNECT only to port 443. */
  #openThroughProxy(
    url: URL,
    { url: proxy, authorization }: ProxyServer,
    { headers, ...options }: { readonly headers: object },
  ): ClientRequest {
    return request(proxy, {
      ...options,
      agent: this.#agent,
      lookup: this.#lookup,
      path: `${url.origin}${url.pathname}${url.search}`,
      headers: {
        ...headers,
        host: url.host,
        ...(authorization && { 'proxy-authorization': authorization.reveal() }),
      },
    })
  }

  /** Returns whether an answer is known to come from a private address. */
  #isFromPrivate({ socket: { remoteAddress } }: IncomingMessage, { url }: Hop): boolean {
    return this.#proxies.for(url) === undefined
      ? remoteAddress !== undefined && this.#isPrivate(remoteAddress)
      : isPrivateHost(url.hostname, this.#isPrivate)
  }

  #redirect({ url, isOwnOrigin, mayBePrivate }: Hop, location: string): Hop {
    const to = URL.canParse(location, url.href) ? new URL(location, url) : undefined
    if (to === undefined || !(to.protocol === url.protocol || to.protocol === 'https:')) {
      throw new HttpError(
        'redirect',
        'redirects to where it is not followed, from https to http or to no address',
      )
    }
    if (!mayBePrivate && isPrivateHost(to.hostname, this.#isPrivate)) {
      throw refusedRedirect()
    }
    to.username = ''
    to.password = ''
    return { url: to, isOwnOrigin: isOwnOrigin && to.origin === url.origin, mayBePrivate }
  }
}

function refusedRedirect(): HttpError {
  return new HttpError('redirect', 'redirects from a public to a private address, which is not followed')
}

/** Returns an agent that reaches https addresses through a proxy. */
export function createTunnels(
  { url, authorization }: ProxyServer,
  options: AgentOptions,
  lookup = nameLookups.forCallers,
): TlsAgent {
  const { protocol, port } = url
  // The agent passes the name to node:http, where IPv6 addresses have no brackets
  const proxy = { protocol, port, hostname: url.hostname.replace(/^\[|\]$/g, '') } as URL
  const headers = authorization && { 'proxy-authorization': authorization.reveal() }
  return new Tunnels({
    timeout: IDLE_MS,
    ...options,
    proxy,
    // Its type leaves out some of the options of node:http, which it passes on
    proxyRequestOptions: { ...ATTEMPT, lookup, ...(headers && { headers }) } as object,
  })
}

/** Keeps connections with other certificates apart. */
class ContextAgent extends TlsAgent {
  override getName(options?: RequestOptions): string {
    return withContextName(super.getName(options), options)
  }
}

/** Ends a CONNECT for which nobody waits, or that takes too long: the proxy may be silent, or send its answer slowly. */
class Tunnels extends HttpsProxyAgent {
  /** Options of the next CONNECT. */
  declare proxyRequestOptions: object

  override getName(options?: RequestOptions): string {
    return withContextName(super.getName(options), options)
  }

  override createConnection(
    ...[options, callback]: Parameters<TlsAgent['createConnection']>
  ): ReturnType<TlsAgent['createConnection']> {
    const { waiting, timeout } = options as { waiting?: AbortSignal; timeout?: number }
    const signal = waiting ?? AbortSignal.timeout(timeout || IDLE_MS)
    // When this tunnel is closed, Node.js opens one with these options for whoever waits for it
    Object.assign(options, { waiting: undefined })
    this.proxyRequestOptions = { ...this.proxyRequestOptions, signal }
    return super.createConnection(options, callback)
  }
}

/** Refuses TLS files that OpenSSL refuses. An agent would throw where nobody catches the error. */
function checkTls({ url, tls }: HttpRequest): void {
  if (url.protocol === 'https:' && tls !== undefined) {
    try {
      contextsFor(tls)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new HttpError('tls_files', `has TLS files that OpenSSL refuses (${code}); correct them`)
    }
  }
}

function awaitAnswer(
  outgoing: ClientRequest,
  { body, silenceMs }: Pick<HttpRequest, 'body' | 'silenceMs'>,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let incoming: IncomingMessage | undefined
    outgoing.on('response', (answer) => {
      incoming = answer
      resolve(answer)
    })
    // Connections that are kept have this event too, after which they may be used on
    if (silenceMs !== undefined) {
      outgoing.on('timeout', () => {
        ;(incoming ?? outgoing).destroy(new HttpError('late', `sent nothing for ${silenceMs} ms`))
      })
    }
    let informational = 0
    outgoing.on('information', () => {
      informational += 1
      // More of them may follow, which Node has already read
      if (informational === MAX_INFORMATIONAL + 1) {
        outgoing.destroy(
          new HttpError('too_large', `sent more than ${MAX_INFORMATIONAL} answers with a status of 1xx`),
        )
      }
    })
    // A status of 101 switches to another protocol, which was not requested. Node reports it to this listener alone
    outgoing.on('upgrade', (incoming, socket) => {
      socket.destroy()
      resolve(incoming)
    })
    // An error may also come after the answer has begun
    outgoing.on('error', reject)
    outgoing.end(body?.content)
  })
}

function certificateOf({ socket }: IncomingMessage): X509Certificate | undefined {
  return socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
}

/**
 * Reads the body of an answer.
 *
 * @throws HttpError if it is larger than `limit`, comes in too many short chunks, or too slowly for one for which others wait
 */
function read(
  incoming: IncomingMessage,
  { limit, parts, silenceMs = 0 }: Pick<HttpRequest, 'limit' | 'parts' | 'silenceMs'>,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const kept: Buffer[] = []
    const gatherer = new ChunkGatherer((bytes) => kept.push(bytes))
    let chunks = 0
    let length = 0
    let readable = parts?.bytes ?? limit
    let pace: NodeJS.Timeout | undefined
    const count = (chunk: Buffer) => {
      length += chunk.length
      chunks += 1
      gatherer.add(chunk)
      if (length > limit) {
        incoming.destroy(new HttpError('too_large', `sent more than ${limit} bytes`))
      } else if (chunks > MAX_SHORT_CHUNKS && length < chunks * MIN_MEAN_CHUNK) {
        incoming.destroy(
          new HttpError('too_large', `sent its answer in chunks of less than ${MIN_MEAN_CHUNK} bytes`),
        )
      } else if (parts !== undefined && length > readable) {
        readable = length + parts.bytes
        clearInterval(pace)
        incoming.pause()
        // Whoever is not read cannot go on sending
        incoming.socket.setTimeout(0)
        void parts.next().then(() => {
          if (!incoming.destroyed) {
            incoming.socket.setTimeout(silenceMs)
            incoming.resume()
            keepPace(parts)
          }
        })
      }
    }
    const keepPace = ({ paceMs, doOthersWait }: NonNullable<HttpRequest['parts']>) => {
      let before = length
      pace = setInterval(() => {
        if (length - before < PACE_BYTES && doOthersWait()) {
          incoming.destroy(
            new HttpError('late', `sent less than ${PACE_BYTES} bytes in ${paceMs} ms while others waited`),
          )
        }
        before = length
      }, paceMs)
    }
    incoming
      .on('data', count)
      .on('end', () => {
        gatherer.flush()
        resolve(Buffer.concat(kept))
      })
      .on('error', reject)
      .on('close', () => clearInterval(pace))
  })
}

function unreachable(error: unknown, proxy: ProxyServer | undefined): HttpError {
  const { code = 'without a code', message } = error as NodeJS.ErrnoException
  const way = proxy === undefined ? '' : ' through the proxy'
  // The proxy agent reports a refused CONNECT with this message
  const [, status] = /^Bad response: (\d+)$/.exec(message) ?? []
  return new HttpError(
    'unreachable',
    status === undefined
      ? `cannot be reached${way}, or broke off (${code})`
      : `cannot be reached${way}, which answered CONNECT with the HTTP status ${status}`,
    // Others would be about the host behind the proxy
    status === '407' ? 407 : undefined,
  )
}

export type HttpFailure =
  | 'unreachable'
  /** The time for an answer, or for the next part of it, is over. */
  | 'late'
  /** The status is not 200. */
  | 'status'
  /** A redirect leads to an address that must not be asked. */
  | 'redirect'
  /** The answer has more bytes or chunks than it may have. */
  | 'too_large'
  /** OpenSSL refuses the configured CA, certificate or key. */
  | 'tls_files'

/** Says why there is no usable answer. The message is for logs, and follows the name of the server. */
export class HttpError extends Error {
  readonly failure: HttpFailure
  /** The HTTP status, if that is the failure. */
  readonly status: number | undefined

  constructor(failure: HttpFailure, message: string, status?: number) {
    super(message)
    this.name = 'HttpError'
    this.failure = failure
    this.status = status
  }
}
