/** Chromium, whose own `fetch` makes the calls of a page. */
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page as Tab } from 'playwright-core'
import type { Page, PageAnswer } from './page.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path))

/** Why tests that need it are skipped; false where it is there. */
export const WITHOUT_CHROMIUM = executablePath === undefined && 'docker/install-tools.sh chromium installs it'

interface Teardown {
  teardown(act: () => Promise<unknown>): void
}

/** Starts it, without a window; it ends with the test. */
export async function startChromium(t: Teardown): Promise<Browser> {
  // Root has no sandbox, and containers little shared memory
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']
  const browser = await chromium.launch({ executablePath: `${executablePath}`, args })
  t.teardown(() => browser.close())
  return browser
}

/** Serves an empty page on 127.0.0.1, on a port of its own. Returns its origin. */
export async function serveEmptyPage(t: Teardown): Promise<string> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><title>A page that signs</title>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A request of a tab as it went over the network. */
export interface NetworkRequest {
  readonly method: string
  readonly url: string
  /** Headers, with names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

/** A page in a tab of its own. */
export class ChromiumPage implements Page {
  readonly origin: string
  /** Requests that went out to other origins, preflight requests among them. */
  readonly requests: readonly NetworkRequest[]
  readonly #tab: Tab

  static async open(browser: Browser, origin: string): Promise<ChromiumPage> {
    const tab = await browser.newPage()
    await tab.goto(origin)
    const session = await tab.context().newCDPSession(tab)
    const requests: NetworkRequest[] = []
    session.on('Network.requestWillBeSent', ({ request: { method, url, headers } }) => {
      requests.push({ method, url, headers: inLowerCase(headers) })
    })
    await session.send('Network.enable')
    return new ChromiumPage(origin, tab, requests)
  }

  private constructor(origin: string, tab: Tab, requests: readonly NetworkRequest[]) {
    this.origin = origin
    this.#tab = tab
    this.requests = requests
  }

  async post(url: string, { headers, body }: Parameters<Page['post']>[1]): Promise<PageAnswer> {
    const told = await this.#tab.evaluate(FETCH, { url, headers, body })
    if ('error' in told) {
      throw new TypeError(told.error)
    }
    return told
  }
}

/** Runs in the page, whose globals this project's types do not have. */
const FETCH = new Function(
  'request',
  `return fetch(request.url, { method: 'POST', headers: request.headers, body: request.body }).then(
    async (answer) => ({ status: answer.status, body: await answer.text() }),
    (error) => ({ error: error.message }),
  )`,
) as (request: object) => Promise<PageAnswer | { readonly error: string }>

function inLowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
