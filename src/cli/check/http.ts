import { HttpClient } from '../../common/http-client.ts'
import { withTimeout } from '../../common/with-timeout.ts'

export interface Reply {
  readonly status: number
  readonly body: string
}

/** Most bytes of an answer. The metrics of a service with a hundred signers have some 500 kB. */
const LIMIT = 10_000_000

/** Asks the service directly, since proxies are for addresses outside. */
const client = new HttpClient()

/**
 * Sends a GET, or a POST if there is a JSON body.
 *
 * @param limitMs time limit, in ms
 * @throws Error that says why there is no answer
 */
export async function send(url: URL, limitMs: number, body?: object): Promise<Reply> {
  const post = body && { type: 'application/json', content: Buffer.from(JSON.stringify(body)) }
  const late = new Error(`no answer for ${limitMs / 1000} seconds`)
  const response = await withTimeout(limitMs, late, undefined, (signal) =>
    client.send({ url, limit: LIMIT, anyStatus: true, signal, ...(post && { body: post }) }),
  )
  return { status: response.status, body: response.body.toString('utf8') }
}
