import t from 'tap'
import { STATE_ADVICE } from '../../src/status-page/advice.ts'
import { type Facts, findTroubles, type SignerRow } from '../../src/status-page/find-troubles.ts'
import { History } from '../../src/status-page/history.ts'

const since = new Date()

function signer(name: string, change: Partial<SignerRow> = {}): SignerRow {
  return { name, token: 'hsm', state: 'ready', since, daysLeft: 300, ...change }
}

const WELL: Facts = {
  rows: [signer('one')],
  tokens: [
    { token: 'hsm', state: 'ready', since, sessions: { opening: 1, idle: 1, busy: 1, zombie: 0 }, queued: 9 },
  ],
  past: new History().read(),
  access: { isReady: true },
  auditLog: undefined,
  isClosing: false,
  isReady: true,
  reload: undefined,
  tlsDaysLeft: undefined,
}

function find(change: Partial<Facts>) {
  return findTroubles({ ...WELL, ...change })
}

t.test('where all is well there is none', async (t) => {
  t.strictSame(find({}), [])
  t.strictSame(
    find({ auditLog: { problem: undefined }, tlsDaysLeft: 30, reload: { outcome: 'taken over', at: since } }),
    [],
  )
  t.strictSame(find({ rows: [signer('one', { daysLeft: 30 }), signer('two', { daysLeft: undefined })] }), [])
})

t.test('each thing that is wrong is one, the gravest first, and says what to do', async (t) => {
  const past = new History()
  past.ended({ outcome: 'HSM_BUSY', statusCode: 503, seconds: 1, requestId: 'id' })
  past.ended({ outcome: 'INVALID_REQUEST', statusCode: 400, seconds: 1, requestId: 'id' })
  past.ended({
    outcome: 'signed',
    statusCode: 200,
    seconds: 1,
    requestId: 'id',
    shortfall: 'REVOCATION_UNAVAILABLE',
  })
  const tokens = WELL.tokens.map((token) => ({ ...token, sessions: { ...token.sessions, zombie: 2 } }))
  const troubles = find({
    rows: [
      signer('one', { daysLeft: 0 }),
      signer('two', { state: 'pin refused', reason: 'the token refused the PIN' }),
      signer('three', { daysLeft: 29 }),
    ],
    tokens,
    past: past.read(),
    access: { isReady: false },
    auditLog: { problem: 'the disk is full' },
    isClosing: true,
    isReady: false,
    reload: { outcome: 'refused', at: since },
    tlsDaysLeft: 1,
  })
  t.strictSame(
    troubles.map(({ isGrave, what, code = '' }) => `${isGrave ? '!' : ' '} ${what} ${code}`.trimEnd()),
    [
      '! The service was told to end: it finishes what it has accepted.',
      '! Nothing is signed, since decisions cannot be recorded: the disk is full.',
      '! Nothing is signed, since the keys that verify tokens of callers were not fetched yet.',
      '! /health/ready says that the service is not ready yet.',
      '! Signer two does not sign: pin refused (the token refused the PIN).',
      '  1 request failed in the last 15 minutes with HSM_BUSY',
      '  1 container of the last 15 minutes ended below the level of the signer, for REVOCATION_UNAVAILABLE',
      '  2 sessions of token hsm hang in a call to the HSM.',
      '  A certificate ends soon: one (0 days left), three (29 days left).',
      '  The TLS certificate of the port ends in 1 day.',
      '  The last change of the signers was refused, and the configuration before it is in use.',
    ],
  )
  t.ok(troubles.every(({ advice }) => advice.length > 20))
  t.equal(troubles[4]?.advice, STATE_ADVICE['pin refused'])
})

t.test('a thousand signers with one trouble are one trouble', async (t) => {
  const rows = Array.from({ length: 1_000 }, (_, number) =>
    signer(`tenant-${number}`, { state: 'unavailable', reason: 'the token is not present' }),
  )
  t.match(find({ rows: [...rows, signer('other', { state: 'unavailable' })] }), [
    {
      what:
        '1000 signers (tenant-0, tenant-1, tenant-2, tenant-3, tenant-4 and 995 more) do not sign: ' +
        'unavailable (the token is not present).',
    },
    { what: 'Signer other does not sign: unavailable.' },
  ])
})

t.test('a change that waits says what for', async (t) => {
  const reload = { outcome: 'pending', at: since, reason: 'the token is not present' } as const
  t.match(find({ reload }), [{ isGrave: false, what: /in use: the token is not present\.$/ }])
})

t.test('a TLS certificate that has ended is grave', async (t) => {
  t.match(find({ tlsDaysLeft: -1 }), [{ isGrave: true, what: 'The TLS certificate of the port has ended.' }])
})
