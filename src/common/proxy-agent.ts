import { Agent, type AgentOptions } from 'node:https'
import { isIPv6 } from 'node:net'
import type { Duplex } from 'node:stream'
import { createTunnels } from './http-client.ts'
import type { Proxies } from './proxies.ts'

/** Reaches https addresses through their proxy, or directly where there is none: for libraries that take an agent. */
export class ProxyAgent extends Agent {
  readonly #proxies: Proxies
  readonly #tunnels: Agent | undefined

  constructor(proxies: Proxies, options: AgentOptions = {}) {
    super(options)
    this.#proxies = proxies
    this.#tunnels = proxies.https && createTunnels(proxies.https, options)
  }

  override createConnection(
    ...[options, callback]: Parameters<Agent['createConnection']>
  ): Duplex | null | undefined {
    const host = isIPv6(`${options.host}`) ? `[${options.host}]` : options.host
    const proxy = this.#proxies.for(new URL(`https://${host}:${options.port}`))
    return proxy === undefined
      ? super.createConnection(options, callback)
      : this.#tunnels?.createConnection(options, callback)
  }
}
