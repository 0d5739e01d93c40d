/** What is POSTed; without it the address is fetched with GET. */
export interface Query {
  readonly contentType: string
  readonly body: Uint8Array
}

/**
 * Asks a timestamp authority, OCSP responder or distribution point, and returns the bytes of its answer.
 *
 * @param timeoutMs limit of the whole exchange
 * @throws Error where there is no answer, or one of another status than 200
 */
export async function askAuthority(url: string, timeoutMs: number, query?: Query): Promise<Buffer> {
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(timeoutMs),
      ...(query && { method: 'POST', headers: { 'content-type': query.contentType }, body: query.body }),
    })
    const answer = Buffer.from(await response.arrayBuffer())
    if (response.status !== 200) throw new Error(`it answered with status ${response.status}`)
    return answer
  } catch (error) {
    const { message, cause } = error as Error
    // fetch says why in the cause, but for the time limit
    throw new Error(cause instanceof Error ? cause.message : message, { cause: error })
  }
}
