/** The page for people in Chromium, of a service that has traffic and refusals, whose HSM fails, and that ends. */
import { join } from 'node:path'
import axe from 'axe-core'
import type { BrowserContextOptions, Locator, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { startAuthorities } from '../support/authorities.ts'
import { writeBundle } from '../support/certificates.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { send } from '../support/http.ts'
import { health, watchfulEnvironment } from '../support/readiness.ts'
import { afterReload } from '../support/reload.ts'
import { startReadyService, startService } from '../support/service.ts'
import { createSignersFolder, tokenFor } from '../support/signers.ts'
import { rawRequest, until } from '../support/signing.ts'
import { createToken } from '../support/token.ts'
import { startChromium, WITHOUT_CHROMIUM } from '../support/web-sdk/chromium.ts'

if (WITHOUT_CHROMIUM) {
  t.plan(0, WITHOUT_CHROMIUM)
  process.exit()
}

const DAY_MS = 86_400_000
const directory = t.testdir()
const folder = await createSignersFolder(join(directory, 'signers'))
const authorities = await startAuthorities(join(directory, 'authorities'))
t.teardown(() => authorities.server.close())

await folder.addKey('contracts', 'rsa')
await folder.addKey('invoices', 'p-256')
const { keyFile } = await folder.addKey('archive', 'rsa')
const archive = authorities.certify({ subject: '/O=Test/CN=Archive', keyFile })
writeBundle(
  folder.path('archive-ca.pem'),
  [authorities.issuing, authorities.root].map(({ issued }) => issued.certificate),
)
const second = await createToken(folder.token.directory, 'second')
await folder.addKey('away', 'p-384', second)
folder.certify('invoices', { subject: '/O=Test & Sons/CN=<script>document.title=1<\\/script>' })
const module = await createFaultyModule(folder.directory, folder.environment)
folder.write({
  contracts: folder.entry('contracts'),
  invoices: folder.entry('invoices'),
  archive: folder.entry('archive', {
    ...{ certificateFile: archive.certificateFile, caFile: 'archive-ca.pem', level: 'b-lt' },
    timestamps: {
      url: authorities.timestampUrl,
      caFile: authorities.timestampRoot.issued.certificateFile,
    },
  }),
  away: folder.entry('away', { token: { label: 'second', module: `${module.environment.HSM_MODULE}` } }),
})
const environment = { ...watchfulEnvironment(folder), HSM_TIMEOUT_MS: '3000', ADMIN_PORT: '0' }
const service = await startReadyService(t, environment)
const readyAt = { url: service.adminUrl }
await until('all signers sign', async () =>
  Object.values((await health(readyAt)).signers).every(({ state }) => state === 'ready'),
)
const browser = await startChromium(t)

/** What the policy of the page kept it from, and errors in its script. */
const complaints: string[] = []

async function open(t: Test, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ javaScriptEnabled: false, ...options })
  t.teardown(() => context.close())
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(`${error}`))
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) complaints.push(message.text())
  })
  await page.goto(service.adminUrl)
  return page
}

/** Returns a text as it is seen. */
async function read(place: Locator): Promise<string> {
  await place.waitFor()
  return (await place.allInnerTexts()).join()
}

const headingOf = (page: Page) => read(page.getByRole('heading', { level: 1 }))
const textOf = (page: Page) => read(page.locator('main'))

/** Loads the page until its heading is one, since states last a moment before they are told. */
async function openWhen(t: Test, heading: string, url = service.adminUrl, text = /./): Promise<Page> {
  const page = await open(t)
  await until(`the page says: ${heading}`, async () => {
    await page.goto(url)
    return (await headingOf(page)) === heading && text.test(await textOf(page))
  })
  return page
}

/** Checks in light and dark, wide and narrow, that axe finds nothing, and that nothing is too wide. */
async function checkLook(t: Test, state: string, url = service.adminUrl): Promise<void> {
  const shots = process.env.STATUS_PAGE_SCREENSHOTS
  const page = await open(t, { javaScriptEnabled: true })
  await page.goto(url)
  await page.getByRole('button', { name: 'Stop refreshing' }).click()
  await page.locator('summary').click()
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [360, 1600]) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 900 })
      await page.evaluate(axe.source)
      const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
      t.same(found, [], `${state} ${colorScheme} ${width}`)
      const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
      t.ok(Number(overflow) <= 0, `nothing is wider than ${width}`)
      if (shots)
        await page.screenshot({ path: join(shots, `${state}-${colorScheme}-${width}.png`), fullPage: true })
    }
  }
}

const sign = (signer: string, text: string, change = {}) =>
  service.sign({ ...rawRequest(text), signing_token: tokenFor(signer), ...change })
const container = (signer: string) =>
  sign(signer, '', {
    ...{ action: 'sign_pkcs7', data_to_be_signed: undefined },
    ...{ encoded_contents: 'AAAA', signature_type: 'cades' },
  })

t.test('says that all is well, and since when it signs what', async (t) => {
  t.equal((await sign('contracts', 'one')).statusCode, 200)
  for (const signer of ['invoices', 'archive', 'away']) {
    t.equal((await container(signer)).statusCode, 200)
  }
  const refused = await sign('contracts', 'one', { hash_algorithm: 'md5' })
  t.match(refused.json(), { code: 'UNSUPPORTED_HASH_ALGORITHM' })
  const page = await open(t)
  await until('the slot of the plots has ended', async () => {
    await page.reload()
    return (await page.locator('rect.signed').count()) > 0
  })
  t.equal(await headingOf(page), 'All is well')
  t.equal(await page.title(), 'All is well – signing service')
  const text = await textOf(page)
  t.match(text, /Each signer signs\. In the last 15 minutes 4 signatures were made, and no request failed\./)
  t.match(text, /1 as the caller’s fault, 0 for other reasons/)
  t.match(text, /Half within [0-9.]+ m?s, 19 of 20 within/)
  const error = page.locator('#UNSUPPORTED_HASH_ALGORITHM')
  t.match(await read(error), `${refused.json().requestId}`)
  t.match(await read(error), 'Add it to HASH_ALGORITHMS, or to the hashAlgorithms of the signer')
  t.match(await read(page.getByRole('row', { name: 'archive' })), /b-lt.*O=Test, CN=Archive/s)
  t.match(
    await read(page.getByRole('row', { name: 'invoices' })),
    /O=Test & Sons, CN=\\<script\\>document.title=1\\<\/script\\>\nissued by O=Test, CN=Issuing CA/,
  )
  t.match(await read(page.locator('#tokens').getByRole('row', { name: 'second' })), /ready/)
  await checkLook(t, 'well')
})

t.test('asks for the renewal of a certificate', async (t) => {
  folder.certify('contracts', { notAfter: new Date(Date.now() + 5.5 * DAY_MS) })
  t.equal(await afterReload({ ...service, ...readyAt }, () => service.app.reload()), 'taken over')
  const page = await openWhen(t, 'It signs, but something needs you')
  t.match(await textOf(page), 'A certificate ends soon: contracts (5 days left).')
  t.match(await read(page.getByRole('region', { name: 'Signers' }).locator('tbody th').first()), 'contracts')
  await checkLook(t, 'ending')
})

t.test('says which signers an HSM that is away takes along, and what to do', async (t) => {
  module.plan('* absent')
  const { json } = await container('away')
  t.match(json(), { statusCode: 503 })
  const page = await openWhen(t, '3 of 4 signers sign')
  const { code } = json() as { code: string }
  const verdict = await read(page.getByRole('region', { name: '3 of 4 signers sign' }))
  t.match(verdict, /Signer away does not sign: unavailable/)
  t.match(verdict, 'What to do: See whether this host reaches the HSM.')
  t.match(verdict, `1 request failed in the last 15 minutes with ${code}`)
  t.notMatch(await textOf(page), directory, 'there is no path')
  await page.getByRole('link', { name: code }).first().click()
  t.ok(await page.locator(`#${code}:target`).isVisible())
  await checkLook(t, 'away')
})

t.test('the script renews what is shown, and nothing that is being read', async (t) => {
  const page = await open(t, { javaScriptEnabled: true })
  await page.clock.install()
  await page.reload()
  t.equal(await headingOf(page), '3 of 4 signers sign')
  await page.locator('summary').click()
  module.plan()
  await until('all signers sign', async () =>
    Object.values((await health(readyAt)).signers).every(({ state }) => state === 'ready'),
  )
  const stop = page.getByRole('button', { name: 'Stop refreshing' })
  await stop.click()
  await page.clock.runFor(60_000)
  t.equal(await headingOf(page), '3 of 4 signers sign', 'it was told to stop')
  await page.getByRole('button', { name: 'Refresh every 15 s' }).click()
  await page.locator('#signers').focus()
  await until('it is renewed', async () => {
    await page.clock.runFor(15_000)
    return (await headingOf(page)) !== '3 of 4 signers sign'
  })
  t.equal(await headingOf(page), 'It signs, but something needs you')
  t.equal(await page.evaluate('document.activeElement.id'), 'signers', 'the focus stays where it is')
  t.ok(await page.locator('#minutes').isVisible(), 'what is open stays open')

  await page.route('**', (route) => route.abort())
  await page.clock.runFor(15_000)
  await page.getByText('The service does not answer.').waitFor()
  t.equal(await page.title(), 'No answer – signing service')
  await page.unroute('**')
  await until('it answers again', async () => {
    await page.clock.runFor(15_000)
    return !(await page.getByText('The service does not answer.').isVisible())
  })
})

t.test('all can be reached with the keyboard', async (t) => {
  const page = await open(t, { javaScriptEnabled: true })
  const visited: unknown[] = []
  for (let presses = 0; presses < 12 && visited.at(-1) !== 'tokens'; presses++) {
    await page.keyboard.press('Tab')
    visited.push(await page.evaluate('document.activeElement.id || document.activeElement.textContent'))
  }
  t.match(visited[0], 'Stop refreshing')
  t.same(visited.slice(-3), ['figures', 'signers', 'tokens'])
})

t.test('says that nothing is signed, and why', async (t) => {
  const nowhere = await startService(t, { ...folder.token.environment, HSM_TOKEN_LABEL: 'nowhere' })
  const page = await openWhen(t, 'Nothing is signed', nowhere.url, /not present/)
  t.match(await textOf(page), /Signer default does not sign: unavailable \(.*not present.*\)\./)
  t.match(await read(page.locator('#tokens').getByRole('row', { name: 'nowhere' })), /unavailable/)
  await checkLook(t, 'nothing', nowhere.url)
})

t.test('its policy kept it from nothing, and it had no errors', async (t) => {
  t.strictSame(complaints, [])
  const { headers } = await send(service.adminUrl, { headers: { accept: 'text/html' } })
  t.match(headers['content-security-policy'], "default-src 'none'")
})
