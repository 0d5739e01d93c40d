/** The page of the description in Chromium, which reaches no other host. */
import axe from 'axe-core'
import t from 'tap'
import { send } from '../support/http.ts'
import { listOperations, type OpenApi } from '../support/openapi.ts'
import { startReadyServerProcess } from '../support/server-process.ts'
import { createSigningToken } from '../support/token.ts'
import { startChromium, WITHOUT_CHROMIUM } from '../support/web-sdk/chromium.ts'

if (WITHOUT_CHROMIUM) {
  t.plan(0, WITHOUT_CHROMIUM)
  process.exit()
}

const { environment } = await createSigningToken(t.testdir())
const browser = await startChromium(t)

for (const place of ['the port for requests', 'the port for operators']) {
  t.test(`at ${place}`, async (t) => {
    const isAdmin = place.endsWith('operators')
    const server = await startReadyServerProcess(t, { ...environment, ...(isAdmin && { ADMIN_PORT: '0' }) })
    const origin = isAdmin ? server.adminUrl() : server.address
    const context = await browser.newContext()
    t.teardown(() => context.close())
    // Nothing but the service answers
    await context.route(
      (asked) => asked.origin !== origin,
      (route) => route.abort(),
    )
    const page = await context.newPage()
    const asked: string[] = []
    const complaints: string[] = []
    page.on('request', (sent) => asked.push(sent.url()))
    page.on('pageerror', (error) => complaints.push(`${error}`))
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
    })

    await page.goto(`${origin}/docs`)
    const openApi = (await send(`${origin}/docs/json`)).json() as unknown as OpenApi
    const operations = listOperations(openApi)
    await page
      .locator('.opblock')
      .nth(operations.length - 1)
      .waitFor()
    t.equal(await page.locator('.opblock').count(), operations.length, 'each operation is there')
    await page.getByText('/sign', { exact: true }).click()
    await page.getByText('UNKNOWN_ACTION').first().waitFor()
    t.equal(await page.getByRole('button', { name: 'Try it out' }).count(), 0, 'nothing is sent from it')
    t.equal(await page.getByRole('button', { name: /authori/i }).count(), 0, 'no token is typed into it')
    t.same(complaints, [], 'no script, style or image is refused')
    t.same(
      asked.filter((one) => !one.startsWith(`${origin}/docs`) && !one.startsWith('data:')),
      [],
    )
    await page.addScriptTag({ content: axe.source }).catch(() => {})
    t.equal(await page.evaluate('typeof axe'), 'undefined', 'the policy lets no other script run')
  })
}
