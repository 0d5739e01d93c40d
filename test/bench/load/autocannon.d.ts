/** What is used of autocannon, which has no types: https://github.com/mcollina/autocannon */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events'
  import type { Socket } from 'node:net'

  /** One connection. */
  interface Client extends EventEmitter {
    readonly conn: Socket
    /** Requests sent so far. */
    readonly reqsMade: number
    /** It ends once it has an answer to so many. */
    responseMax: number
    readonly pipelinedRequests: {
      /** Called with what comes of a body, in its place. */
      addBody(chunk: Buffer): void
    }
    setBody(body: string): void
    /** Sends a request: the first one while it connects, each other one once the last one is answered. */
    _doRequest(): void
    destroy(): void
  }

  interface Options {
    url: readonly string[]
    method: string
    headers: Record<string, string>
    connections: number
    /** s. */
    duration: number
    /** s. */
    timeout: number
    /** How often it looks whether it is over, ms. */
    sampleInt: number
    setupClient(client: Client): void
  }

  /** Begins at once; resolves when all connections have ended. */
  export default function autocannon(options: Options): PromiseLike<unknown>
  export type { Client }
}
