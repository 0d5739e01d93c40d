/** An agent for libraries of others finds its way through a proxy, or around it. */
import { readFileSync } from 'node:fs'
import { createServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { Proxies } from '../../src/common/proxies.ts'
import { ProxyAgent } from '../../src/common/proxy-agent.ts'
import { issue } from '../support/certificates.ts'
import { hasTinyproxy, startTinyproxy } from '../support/tinyproxy.ts'

const skip = hasTinyproxy() ? false : 'tinyproxy is missing: docker/install-tools.sh tinyproxy'
const directory = t.testdir()
const root = issue(directory, { subject: '/CN=TLS root', ca: true })
const certified = issue(directory, {
  ...{ subject: '/CN=Server', issuer: root, extension: 'subjectAltName = IP:127.0.0.1, IP:::1' },
})

/** Starts a server, and returns its address. */
async function startServer(t: Test, host: string): Promise<URL> {
  const files = { key: readFileSync(certified.keyFile), cert: readFileSync(certified.certificateFile) }
  const server = createServer(files, (_, response) => response.end('answered'))
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return new URL(
    `https://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`,
  )
}

async function ask(t: Test, url: URL, proxies: Proxies): Promise<string> {
  const agent = new ProxyAgent(proxies)
  t.teardown(() => agent.destroy())
  return new Promise((resolve, reject) => {
    get(url, { agent, ca: readFileSync(root.certificateFile) }, (response) =>
      response.setEncoding('utf8').once('data', resolve),
    ).on('error', reject)
  })
}

t.test('without a proxy', async (t) => {
  for (const host of ['127.0.0.1', '::1']) {
    t.equal(await ask(t, await startServer(t, host), new Proxies()), 'answered')
  }
})

t.test('through a proxy, but to hosts that NO_PROXY names', { skip }, async (t) => {
  const proxy = await startTinyproxy(t)
  const url = await startServer(t, '127.0.0.1')
  t.equal(await ask(t, url, new Proxies({ https: proxy, except: '127.0.0.1' })), 'answered')
  t.strictSame(proxy.requests(), [])
  t.equal(await ask(t, url, new Proxies({ https: proxy })), 'answered')
  t.strictSame(proxy.requests(), [`CONNECT ${url.host} HTTP/1.1`])
})
