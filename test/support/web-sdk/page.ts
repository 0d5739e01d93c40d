/** A page whose requests go to another origin: what a browser asks first, and what it keeps from the page. */
import type { IncomingHttpHeaders } from 'node:http'
import { type Answer, send } from '../http.ts'

/** A request with a body, as a page hands it to `fetch`. */
export interface PageRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The part of an answer that a page of another origin can read. */
export interface PageAnswer {
  readonly status: number
  readonly body: string
}

/** Code that runs in a page calls other origins by this alone. */
export interface Page {
  readonly origin: string
  /**
   * Makes a POST.
   *
   * @throws TypeError `Failed to fetch` where there is no answer, or one that the page may not read
   */
  post(url: string, request: PageRequest): Promise<PageAnswer>
}

/** A request that went out, and what came back, whether the page could read it or not. */
export interface Exchange {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  readonly answer: Answer
}

/** Headers that need no permission whatever they hold (Fetch standard 2.2.2). */
const SAFELISTED = ['accept', 'accept-language', 'content-language']

/** Kinds of bodies that need no permission. */
const SAFELISTED_TYPES = /^(application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)(;|$)/i

/** Time in s for which a browser remembers a permission without Access-Control-Max-Age (Fetch standard 4.8). */
const DEFAULT_MAX_AGE = 5

/**
 * A page of `origin` in a browser without a browser: it makes the preflight request that the Fetch standard asks for (4.8),
 * and hands over no answer that fails the CORS check (4.9). It sends no cookies, as `fetch` across origins does not.
 */
export class StandInPage implements Page {
  readonly origin: string
  /** All that went over the network, in order. */
  readonly exchanges: Exchange[] = []
  /** The headers that were allowed, and until when, keyed by URL. */
  readonly #permissions = new Map<string, { readonly headers: ReadonlySet<string>; readonly until: number }>()

  constructor(origin: string) {
    this.origin = origin
  }

  async post(url: string, { headers, body }: PageRequest): Promise<PageAnswer> {
    const unsafe = namesToAllow(headers)
    if (unsafe.length > 0 && !this.#isAllowed(url, unsafe)) {
      await this.#preflight(url, unsafe)
    }
    const sent = { ...headers, origin: this.origin, referer: `${this.origin}/` }
    const answer = await this.#exchange('POST', url, sent, body)
    this.#checkOrigin(answer.headers)
    return { status: answer.statusCode, body: answer.body.toString() }
  }

  #isAllowed(url: string, names: readonly string[]): boolean {
    const permission = this.#permissions.get(url)
    return (
      permission !== undefined &&
      permission.until > performance.now() &&
      names.every((name) => permission.headers.has(name))
    )
  }

  async #preflight(url: string, names: readonly string[]): Promise<void> {
    const answer = await this.#exchange('OPTIONS', url, {
      accept: '*/*',
      origin: this.origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': names.join(),
    })
    const { statusCode, headers } = answer
    this.#checkOrigin(headers)
    // POST itself needs no permission
    const allowed = listOf(headers['access-control-allow-headers'])
    const isAllowed = (name: string) =>
      allowed.includes(name) || (name !== 'authorization' && allowed.includes('*'))
    if (statusCode < 200 || statusCode > 299 || !names.every(isAllowed)) {
      throw failure()
    }
    const maxAge = Number(headers['access-control-max-age'] ?? DEFAULT_MAX_AGE)
    this.#permissions.set(url, { headers: new Set(names), until: performance.now() + maxAge * 1000 })
  }

  #checkOrigin(headers: IncomingHttpHeaders): void {
    const allowed = headers['access-control-allow-origin']
    if (allowed !== '*' && allowed !== this.origin) {
      throw failure()
    }
  }

  async #exchange(
    method: string,
    url: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<Answer> {
    const answer = await send(url, { method, headers, ...(body !== undefined && { body }) }).catch(
      (cause) => {
        throw failure(cause)
      },
    )
    this.exchanges.push({ method, url, headers, body, answer })
    return answer
  }
}

/** Returns the names of headers that take a preflight request, as it lists them: sorted and in lower case. */
function namesToAllow(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers)
    .filter(([name, value]) => !(name === 'content-type' && SAFELISTED_TYPES.test(value)))
    .map(([name]) => name.toLowerCase())
    .filter((name) => !SAFELISTED.includes(name))
    .sort()
}

function listOf(header: string | undefined): string[] {
  return (header ?? '').split(',').map((name) => name.trim().toLowerCase())
}

/** The error that a page gets, which does not say why. */
function failure(cause?: unknown): TypeError {
  return new TypeError('Failed to fetch', { cause })
}
