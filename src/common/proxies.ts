import { BlockList, isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import type { Password } from './password.ts'

/** An HTTP proxy (RFC 9110 3.7). */
export interface ProxyServer {
  /** An http address without user and password. TLS passes through the proxy. */
  readonly url: URL
  /** Value of the Proxy-Authorization header (RFC 9110 11.7.1). */
  readonly authorization?: Password
}

export interface ProxySettings {
  /** The proxy for http addresses. */
  readonly http?: ProxyServer
  /** The proxy for https addresses. */
  readonly https?: ProxyServer
  /** Hosts that are asked directly, in the form of NO_PROXY. */
  readonly except?: string
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

/** Chooses the proxy for an address, by the rules that curl and Go share. */
export class Proxies {
  readonly http: ProxyServer | undefined
  readonly https: ProxyServer | undefined
  readonly #exceptions: readonly ((url: URL) => boolean)[]

  constructor({ http, https, except = '' }: ProxySettings = {}) {
    this.http = http
    this.https = https
    this.#exceptions = except
      .split(/[\s,]+/)
      .filter((entry) => entry !== '')
      .map(readException)
  }

  /** Returns the proxy for an http or https address; undefined if it is asked directly. */
  for(url: URL): ProxyServer | undefined {
    const proxy = url.protocol === 'https:' ? this.https : this.http
    return this.#exceptions.some((isExcepted) => isExcepted(url)) ? undefined : proxy
  }
}

/** Reads `*`, a host or its domain, an address or a network such as 10.0.0.0/8, each with or without a port. */
function readException(entry: string): (url: URL) => boolean {
  if (entry === '*') {
    return () => true
  }
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+|.*:.*:.*?))(?::(\d+))?$/.exec(entry) ?? []
  const matches = readHost((bracketed ?? plain ?? entry).toLowerCase())
  return (url) =>
    (port === undefined || port === (url.port || DEFAULT_PORTS[url.protocol])) &&
    matches(url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, ''))
}

function readHost(host: string): (hostname: string) => boolean {
  const [network = '', prefix] = host.split('/')
  const version = isIP(network)
  if (version === 0) {
    const domain = domainToASCII(host.replace(/^\*?\.|\.$/g, ''))
    return (hostname) => hostname === domain || hostname.endsWith(`.${domain}`)
  }
  const family = version === 4 ? 'ipv4' : 'ipv6'
  const list = new BlockList()
  const longest = version === 4 ? 32 : 128
  const length = prefix === undefined ? longest : Number(prefix)
  if (/^\d+$/.test(prefix ?? '0') && length <= longest) {
    list.addSubnet(network, length, family)
  }
  return (hostname) => {
    const version = isIP(hostname)
    return version !== 0 && list.check(hostname, version === 4 ? 'ipv4' : 'ipv6')
  }
}
