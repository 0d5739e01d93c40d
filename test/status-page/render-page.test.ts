/** The page is rendered in states that a service seldom is in. `in-browser` looks at it in Chromium. */
import { Gauge, Registry } from 'prom-client'
import t from 'tap'
import type { PoolStatus } from '../../src/pkcs11/pool/session-pool.ts'
import { describeStatus, type StatusSources } from '../../src/status-page/describe-status.ts'
import { History } from '../../src/status-page/history.ts'
import { renderPage } from '../../src/status-page/render-page.ts'

const HOUR_MS = 3_600_000
const ago = (ms: number) => new Date(Date.now() - ms)

function pool(change: Partial<PoolStatus['sessions']> = {}): PoolStatus {
  return {
    state: 'ready',
    since: ago(0),
    sessions: { opening: 0, idle: 1, busy: 0, zombie: 0, ...change },
    queued: 0,
  }
}

async function render(
  change: Partial<StatusSources> = {},
  pools: readonly PoolStatus[] = [pool()],
): Promise<string> {
  const byName = new Map(pools.map((status, place) => [`hsm-${place}`, { pool: { status: () => status } }]))
  const signers = { all: () => [], pools: () => byName } as unknown as StatusSources['signers']
  const ready = { name: 'contracts', token: 'hsm-0', state: 'ready', since: ago(0) } as const
  const status = await describeStatus({
    ...{ signers, readiness: { check: () => [ready], isReady: () => true } },
    ...{ reloading: { status: { since: new Date() } }, access: { kind: 'tokens', isReady: true } },
    ...{ auditLog: undefined, history: new History(), registry: new Registry(), queueLimit: 256 },
    isClosing: () => false,
    ...change,
  })
  return renderPage(status)
}

t.test('a code is a link if it is among the errors', async (t) => {
  const history = new History()
  const ended = { seconds: 1, requestId: 'id' }
  const shortfall = 'TIMESTAMP_UNAVAILABLE'
  history.ended({ ...ended, outcome: 'signed', statusCode: 200, shortfall })
  history.ended({ ...ended, outcome: 'HSM_BUSY', statusCode: 503 })
  const page = await render({ history })
  t.match(page, `<code>${shortfall}</code>`)
  const links = [...page.matchAll(/<a href="#(\w+)">/g)].map(([, id]) => id)
  t.same(links, ['HSM_BUSY'])
  t.match(page, '<li id="HSM_BUSY">')
})

const headingOf = (page: string) => /<h1 id="verdict">([^<]*)</.exec(page)?.[1]

t.test('whatever keeps every signer from signing is in the heading', async (t) => {
  t.equal(headingOf(await render()), 'All is well')
  t.equal(headingOf(await render({ isClosing: () => true })), 'The service ends')
  t.equal(headingOf(await render({ access: { kind: 'jwt', isReady: false } })), 'Nothing is signed')
  const page = await render({ auditLog: { problem: 'the disk is full' } })
  t.equal(headingOf(page), 'Nothing is signed')
  t.match(page, '<dt>audit log</dt><dd>on</dd>')
})

t.test('a grave trouble is bad though the signer signs', async (t) => {
  const statuses = { check: () => [], isReady: () => true }
  t.match(await render({ readiness: statuses }), 'Nothing is signed')
  const registry = new Registry()
  const name = 'signing_service_tls_certificate_days_left'
  new Gauge({ name, help: 'days', registers: [registry] }).set(-1)
  t.equal(headingOf(await render({ registry })), 'It signs, but something is wrong')
})

t.test('one session that hangs, and more tokens than are shown', async (t) => {
  const page = await render({}, [pool({ zombie: 1 }), ...Array.from({ length: 50 }, () => pool())])
  t.match(page, '1 session of token hsm-0 hangs in a call to the HSM.')
  t.match(page, '1 more are not shown: <code>/metrics</code> has each.')
})

t.test('a change that waits for a reason that is not known', async (t) => {
  const status = { since: ago(0), last: { outcome: 'pending', at: ago(0) } } as const
  t.match(await render({ reloading: { status } }), 'the configuration before it is in use.</p>')
})

for (const [ms, text] of [
  [59_000, '59 s ago'],
  [61_000, '1 min ago'],
  [5 * HOUR_MS + 60_000, '5 h 1 min ago'],
  [50 * HOUR_MS, '2 d 2 h ago'],
] as const) {
  t.test(`an age is shown in its two largest units: ${text}`, async (t) => {
    t.match(await render({ reloading: { status: { since: ago(ms) } } }), `<dd>${text}, at `)
  })
}

t.test('figures of one signature, of slow ones, of many, and of clients that left', async (t) => {
  let now = Date.now()
  const history = new History(() => now)
  const ended = { statusCode: 200, requestId: 'id' }
  history.ended({ ...ended, outcome: 'signed', seconds: 0.01 })
  t.match(await render({ history }), '1 signature was made')
  for (let count = 0; count < 200; count++) history.ended({ ...ended, outcome: 'signed', seconds: 3 })
  history.ended({ ...ended, outcome: 'client_left', seconds: 3 })
  now += 15_000
  const page = await render({ history })
  t.match(page, '201 signatures were made')
  t.match(page, / 1 left by their client before they were answered\./)
  t.match(page, /Half within 3\.\d s, 19 of 20 within 3\.\d s\./)
  t.match(page, '<p>13 / s</p>')
})
