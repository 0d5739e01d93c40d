/** The page of the demo, used in Chromium as a person would. */
import { randomBytes } from 'node:crypto'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import axe from 'axe-core'
import { PDFDocument } from 'pdf-lib'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { judge } from '../../docker/demo/judge.ts'
import { choosePort } from '../../docker/demo/port.ts'
import { SAMPLE_PDF, startDemo } from '../../docker/demo/start.ts'
import { childrenOf } from '../support/process-figures.ts'
import { startDss, WITHOUT_DSS } from '../support/validators/dss.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { startChromium, WITHOUT_CHROMIUM } from '../support/web-sdk/chromium.ts'
import { type Choices, choose, download, drop, sign } from './page.ts'

if (WITHOUT_CHROMIUM) {
  t.plan(0, WITHOUT_CHROMIUM)
  process.exit()
}

const REQUEST_ID = /Request id\s+[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/

const folder = t.testdir()
const ports = {
  service: await choosePort(0),
  page: await choosePort(0),
  authorities: await choosePort(0),
}
const demo = await startDemo({ folder, ports })
t.teardown(() => demo.stop())
const browser = await startChromium(t)
await demo.server.ready(60_000)
const address = await demo.startPage()
const sample = readFileSync(SAMPLE_PDF)

/** Origins that pages have asked, and errors in their scripts. */
const asked = new Set<string>()
const complaints: string[] = []

async function open(t: Test): Promise<Page> {
  const context = await browser.newContext()
  t.teardown(() => context.close())
  const page = await context.newPage()
  page.on('request', (sent) => asked.add(new URL(sent.url()).origin))
  page.on('pageerror', (error) => complaints.push(`${error}`))
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) complaints.push(message.text())
  })
  await page.goto(address)
  return page
}

t.test('signs in each way, and what is downloaded is what it shows', async (t) => {
  const dss = WITHOUT_DSS ? undefined : await startDss(t)
  const all: readonly (Required<Pick<Choices, 'way' | 'container' | 'type' | 'level'>> & Choices)[] = [
    { way: 'web-sdk', container: 'pkcs7', type: 'cades', level: 'b-b' },
    { way: 'web-sdk', container: 'pkcs7', type: 'cms', level: 'b-t' },
    { way: 'web-sdk', container: 'pkcs7', type: 'cades', level: 'b-lt' },
    { way: 'web-sdk', container: 'raw', type: 'cms', level: 'b-b' },
    { way: 'web-sdk', container: 'raw', type: 'cades', level: 'b-t' },
    { way: 'web-sdk', container: 'raw', type: 'cades', level: 'b-lt' },
    { way: 'web-sdk', container: 'raw', type: 'cades', level: 'b-lt', signer: 'p256' },
    { way: 'web-sdk', container: 'pkcs7', type: 'cades', level: 'b-lt', signer: 'rsa-pss' },
    { way: 'callback', container: 'pkcs7', type: 'cades', level: 'b-lt' },
    { way: 'callback', container: 'raw', type: 'cades', level: 'b-lt' },
  ]
  for (const choices of all) {
    await t.test(Object.values(choices).join(' '), async (t) => {
      const page = await open(t)
      await drop(page, 'contract.pdf', sample)
      const { way, level, ...others } = choices
      await choose(page, { way, ...others, ...(way === 'web-sdk' && { level }) })
      const { heading, text } = await sign(page)
      t.equal(heading, 'Signed and valid', text)
      t.match(text, `The PDF carries a signature of level ${level}.`)
      t.match(text, 'pdfsig ✓ valid')
      t.match(text, 'openssl cms -verify ✓ valid')
      t.equal(text.includes('openssl ts -verify ✓ valid'), level !== 'b-b')

      const { name, pdf } = await download(page)
      t.equal(name, 'contract-signed.pdf')
      t.ok(pdf.subarray(0, sample.byteLength).equals(sample), 'the original bytes are as they were')
      const [judged, ...rest] = await judge(pdf, demo.anchors)
      t.match(judged, { valid: true, wholeDocument: level !== 'b-lt' })
      t.same(rest, [])
      const subFilter = choices.type === 'cades' ? 'ETSI.CAdES.detached' : 'adbe.pkcs7.detached'
      t.equal(judged?.subFilter, subFilter)
      if (dss && choices.type === 'cades') {
        const { root } = demo.anchors
        const demands = { anchors: root, timestampAnchors: root, online: false }
        const [signature] = await dss.judge({ pdf }, demands)
        const complaints = level === 'b-lt' ? [] : signature?.complaints
        t.match(signature, { format: `PAdES-BASELINE-${level.slice(2).toUpperCase()}`, complaints })
      }

      const wire = `${await page.locator('#wire').textContent()}`
      t.match(wire, way === 'web-sdk' ? 'POST /api/sign_hash' : 'POST /sign')
      t.match(wire, 'Authorization: Bearer •••••')
      t.notMatch(wire, 'eyJ')
    })
  }
})

t.test('signs a signed PDF once more', async (t) => {
  const page = await open(t)
  await page.getByRole('button', { name: 'Take the sample' }).click()
  await page.getByText('sample.pdf, ').waitFor()
  await sign(page)
  await drop(page, 'twice.pdf', (await download(page)).pdf)
  t.equal((await sign(page)).heading, 'Signed and valid')
  t.equal((await pdfsig((await download(page)).pdf)).signatures.length, 2)
})

t.test('signs a PDF of 20 MB', async (t) => {
  const document = await PDFDocument.load(sample)
  await document.attach(randomBytes(20_000_000), 'attachment.bin')
  const file = join(folder, 'large.pdf')
  writeFileSync(file, await document.save())
  const page = await open(t)
  await page.getByLabel('Choose a PDF').setInputFiles(file)
  const { heading, text } = await sign(page)
  t.equal(heading, 'Signed and valid', text)
})

t.test('says of a PDF why it cannot be signed', async (t) => {
  const page = await open(t)
  t.match(await sign(page), { heading: 'Not signed', text: 'There is no PDF to sign yet.' })

  await drop(page, 'broken.pdf', sample.subarray(0, 700))
  t.match((await sign(page)).text, 'This file cannot be read as a PDF.')
  await drop(page, 'photo.pdf', Buffer.from('JFIF'))
  t.match((await sign(page)).text, 'This file cannot be read as a PDF.')

  const encrypted = await PDFDocument.load(sample)
  encrypted.encrypt({ userPassword: 'secret' })
  await drop(page, 'encrypted.pdf', await encrypted.save())
  t.match((await sign(page)).text, 'This PDF is encrypted.')

  const huge = join(folder, 'huge.pdf')
  writeFileSync(huge, sample)
  truncateSync(huge, 60_000_000)
  await page.getByLabel('Choose a PDF').setInputFiles(huge)
  const { text } = await sign(page)
  t.match(text, 'This PDF is too large for the demo.')
  t.match(text, 'huge.pdf has 60.0 MB, and the demo takes up to 50.0 MB')
  t.notOk(await page.locator('#wire').isVisible(), 'nobody was asked')
})

t.test('says why the service refuses, and under which request id', async (t) => {
  const page = await open(t)
  await drop(page, 'contract.pdf', sample)
  const refusals: readonly [Choices, string, string][] = [
    [{ token: 'expired' }, 'SIGNING_TOKEN_INVALID', 'it has expired'],
    [{ token: 'none' }, 'SIGNING_TOKEN_MISSING', 'The request had no token'],
    [{ token: 'other-signer' }, 'NOT_ALLOWED', 'The token does not allow this signature.'],
  ]
  for (const [choices, code, words] of refusals) {
    await choose(page, choices)
    const { heading, text } = await sign(page)
    t.equal(heading, 'Not signed')
    t.match(text, words)
    t.match(text, new RegExp(`Code\\s+${code}\\n`))
    t.match(text, REQUEST_ID)
  }
  await choose(page, { token: 'valid', way: 'callback', container: 'raw', signer: 'rsa-pss' })
  t.match((await sign(page)).text, 'This signer does not make such signatures.')
  await choose(page, { way: 'web-sdk' })
  t.match((await sign(page)).text, 'choose the PKCS#7 container')
})

t.test('everything has a name and can be read, in light and dark, wide and narrow', async (t) => {
  const page = await open(t)
  const shots = process.env.DEMO_SCREENSHOTS
  await page.evaluate(axe.source)
  const states: readonly [string, () => Promise<unknown>][] = [
    ['empty', async () => {}],
    [
      'signed',
      async () => {
        await drop(page, 'contract.pdf', sample)
        await sign(page)
        await page.locator('#wire summary').last().click()
      },
    ],
    [
      'refused',
      async () => {
        await choose(page, { token: 'expired', way: 'callback' })
        await sign(page)
      },
    ],
  ]
  for (const [state, reach] of states) {
    await reach()
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [1280, 360]) {
        await page.emulateMedia({ colorScheme })
        await page.setViewportSize({ width, height: 800 })
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
})

t.test('can be used with the keyboard alone', async (t) => {
  const page = await open(t)
  const focused = 'document.activeElement.id || document.activeElement.name'
  const visited: unknown[] = []
  for (let presses = 0; presses < 12 && visited.at(-1) !== 'sign'; presses++) {
    await page.keyboard.press('Tab')
    visited.push(await page.evaluate(focused))
    if (visited.at(-1) === 'sample') {
      await page.keyboard.press('Enter')
      await page.getByText('sample.pdf, ').waitFor()
    }
  }
  t.same(visited.slice(0, 6), ['file', 'sample', 'way', 'container', 'type', 'level'])
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Signed and valid' }).waitFor()
  t.equal(await page.evaluate(focused), 'result-heading')
})

t.test('its server answers no other page', async (t) => {
  const ask = (path: string, headers: Record<string, string>) =>
    fetch(`${address}${path}`, { method: 'POST', headers })
  t.equal((await ask('/token', {})).status, 200)
  t.equal((await ask('/token', { origin: address })).status, 200)
  t.equal((await ask('/token', { origin: 'http://evil.example' })).status, 403)
  t.equal((await ask('/token?kind=admin', {})).status, 400)
  t.equal((await ask('/other', {})).status, 404)

  const { hostname, port } = new URL(address)
  const ofOtherHost = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = {
      hostname,
      port,
      path: '/token',
      method: 'POST',
      headers: { host: `evil.example:${port}` },
    }
    request(options, resolve).on('error', reject).end()
  })
  t.equal(ofOtherHost.resume().statusCode, 403, 'a name that was made to resolve to this machine')
  const tooLarge = await fetch(`${address}/judge`, { method: 'POST', body: new Uint8Array(50_000_001) })
  t.equal(tooLarge.status, 413)
})

t.test('says that the HSM hangs, that the service is away, and that the demo has ended', async (t) => {
  const page = await open(t)
  await drop(page, 'contract.pdf', sample)
  const stop = () => childrenOf(demo.server.pid).map((child) => process.kill(child, 'SIGSTOP'))
  t.not(stop().length, 0)
  // One that was about to make a test signature is replaced before the request is over
  const stopping = setInterval(stop, 50)
  const { text } = await sign(page)
  clearInterval(stopping)
  t.match(text, /The HSM did not answer in time\.|The HSM is away/)
  t.match(text, REQUEST_ID)

  await demo.server.stop(1)
  t.match((await sign(page)).text, 'The service does not answer.')
  await demo.stop()
  t.match((await sign(page)).text, 'The demo does not answer.')
})

t.test('pages have asked nobody but their own server and the service, and had no errors', async (t) => {
  asked.delete('null')
  t.strictSame([...asked].sort(), [address, demo.service].sort())
  t.strictSame(complaints, [])
})
