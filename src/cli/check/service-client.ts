/** Asks a running service over HTTP. */
import type { X509Certificate } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { HttpClient, type HttpRequest } from '../../common/http-client.ts'
import { withTimeout } from '../../common/with-timeout.ts'
import { parseCertificates } from '../../x509/certificate-file.ts'

/** How a running service is reached. */
export interface Service {
  readonly url: URL
  /** Address of its admin port; undefined if it has none, or its address was not given. */
  readonly adminUrl: URL | undefined
  /** Authorities, certificate and key for https. */
  readonly tls: NonNullable<HttpRequest['tls']>
  /** Token by which the service knows who asks; undefined if there is none. It is sent with a body alone. */
  readonly token: string | undefined
  readonly limitMs: number
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly serverCertificate: X509Certificate | undefined
  /** Times before the request and after the answer, in ms since 1970 by this machine's clock. */
  readonly sentAt: number
  readonly receivedAt: number
  /** Time between the two, in ms, by a clock that nobody sets. */
  readonly ms: number
}

/** Most bytes of an answer. The metrics of a service with a hundred signers have some 500 kB. */
const LIMIT = 10_000_000

/** Asks the service directly, since proxies are for addresses outside. */
const client = new HttpClient()

/**
 * Sends a GET, or a POST if there is a JSON body.
 *
 * @param path resolved against the address of the service
 * @param accept media type of the requested answer
 * @throws HttpError, or Error that says for how long there was no answer
 */
export async function ask(
  { url: base, tls, token, limitMs }: Omit<Service, 'adminUrl'>,
  path: string,
  json?: object,
  accept?: string,
): Promise<Reply> {
  const url = new URL(path, base)
  const posted = json && {
    body: { type: 'application/json', content: Buffer.from(JSON.stringify(json)) },
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  const late = new Error(`no answer for ${Math.round(limitMs / 100) / 10} seconds`)
  const [sentAt, begun] = [Date.now(), performance.now()]
  const response = await withTimeout(limitMs, late, undefined, (signal) =>
    client.send({ url, tls, limit: LIMIT, anyStatus: true, signal, ...posted, ...(accept && { accept }) }),
  )
  return { ...response, sentAt, receivedAt: Date.now(), ms: performance.now() - begun }
}

/**
 * Reads the answer to `get_certificates`.
 *
 * @returns the certificate of the signer, then those of its issuers
 * @throws Error that says that it is none
 */
export function readCertificates({ body }: Reply): readonly [X509Certificate, ...X509Certificate[]] {
  const { certificates, ca_certificates: issuers } = readObject(body) ?? {}
  try {
    const [leaf, ...others] = [...(certificates as string[]), ...(issuers as string[])].flatMap((one) =>
      // Each entry is base64 of PEM
      parseCertificates(Buffer.from(one, 'base64')),
    )
    if (leaf !== undefined) {
      return [leaf, ...others]
    }
  } catch {
    // It is answered below
  }
  throw new Error('get_certificates answers something else than certificates')
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Returns a JSON object; undefined for anything else. */
export function readObject(body: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
