/** A thousand signers make the page no longer than fifty do. */
import { Registry } from 'prom-client'
import t from 'tap'
import type { SignerStatus } from '../../src/signers/readiness.ts'
import { describeStatus } from '../../src/status-page/describe-status.ts'
import { History } from '../../src/status-page/history.ts'
import { renderPage } from '../../src/status-page/render-page.ts'

const COUNT = 1_000
const DAY_MS = 86_400_000

/** Statuses of so many signers, of which every tenth does not sign. Others end sooner the later they come. */
function createStatuses(): SignerStatus[] {
  return Array.from({ length: COUNT }, (_, number) => ({
    ...{ name: `tenant-${number}`, token: 'hsm', since: new Date() },
    state: number % 10 === 9 ? 'unavailable' : 'ready',
    // Half a day more, so that the whole days that are left do not depend on the millisecond
    notAfter: new Date(Date.now() + (2 * COUNT - number + 0.5) * DAY_MS),
  }))
}

async function render(statuses: SignerStatus[]): Promise<string> {
  const status = await describeStatus({
    signers: { all: () => [], pools: () => new Map() },
    readiness: { check: () => statuses, isReady: () => true },
    reloading: { status: { since: new Date() } },
    access: { kind: 'tokens', isReady: true },
    ...{ auditLog: undefined, history: new History(), registry: new Registry(), queueLimit: 256 },
    isClosing: () => false,
  })
  return renderPage(status)
}

const namesIn = (page: string) => [...page.matchAll(/<th scope="row">(tenant-\d+)/g)].map(([, name]) => name)

t.test('those are shown that need somebody, and the number of the others', async (t) => {
  const page = await render(createStatuses())
  t.match(page, '<h1 id="verdict">900 of 1000 signers sign</h1>')
  t.match(page, '950 more are not shown')
  const names = namesIn(page)
  t.equal(names.length, 50)
  t.ok(names.every((name) => name?.endsWith('9')))
  t.ok(page.length < 100_000, `${page.length} characters`)
})

t.test('where all sign, those are first whose certificates end first', async (t) => {
  const page = await render(createStatuses().map((status) => ({ ...status, state: 'ready' })))
  t.match(page, '<h1 id="verdict">All is well</h1>')
  t.strictSame(namesIn(page).slice(0, 3), ['tenant-999', 'tenant-998', 'tenant-997'])
})
