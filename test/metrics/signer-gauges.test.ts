import { Registry } from 'prom-client'
import t from 'tap'
import type { SignerCertificate } from '../../src/configuration/signer-configuration.ts'
import { registerSignerGauges } from '../../src/metrics/signer-gauges.ts'
import type { PoolStatus } from '../../src/pkcs11/pool/session-pool.ts'
import type { Signers } from '../../src/signers/signers.ts'
import { readSamples } from '../support/scrape.ts'

const DAY_MS = 86_400_000
const SIGNER = '{signer="contracts"}'
const TOKEN = 'token="hsm1"'

/** The gauges of a pool and a signer that the test changes. */
function start() {
  const registry = new Registry()
  const state = {
    pool: {
      state: 'starting',
      since: new Date(),
      sessions: { opening: 2, idle: 0, busy: 0, zombie: 0 },
      queued: 0,
    } as PoolStatus,
    key: 'starting' as PoolStatus['state'],
    signer: undefined as SignerCertificate | undefined,
    signers: ['contracts'],
    tokens: ['hsm1'],
  }
  const signers = {
    all: () =>
      state.signers.map((name) => ({
        name,
        knownCertificate: () => state.signer,
      })),
    pools: () => new Map(state.tokens.map((name) => [name, { pool: { status: () => state.pool } }])),
  } as unknown as Pick<Signers, 'all' | 'pools'>
  const readiness = {
    check: () => state.signers.map((name) => ({ name, token: 'hsm1', state: state.key, since: new Date() })),
  }
  registerSignerGauges(registry, signers, readiness, { queueLimit: 7, timeoutMs: 4500 })
  return { state, samples: async () => readSamples(await registry.metrics()) }
}

/** A signer of whose chain only the ends of its validity matter. */
function signerUntil(...ends: Date[]): SignerCertificate {
  const validity = ends.map((notAfter) => ({ subject: 'CN=Test', notBefore: new Date(0), notAfter }))
  return { validity } as unknown as SignerCertificate
}

t.test('a scrape tells of the pool at that moment', async (t) => {
  const { state, samples } = start()
  t.same(Object.fromEntries(await samples()), {
    [`signing_service_hsm_ready{${TOKEN}}`]: 0,
    [`signing_service_hsm_sessions{${TOKEN},state="opening"}`]: 2,
    [`signing_service_hsm_sessions{${TOKEN},state="idle"}`]: 0,
    [`signing_service_hsm_sessions{${TOKEN},state="busy"}`]: 0,
    [`signing_service_hsm_sessions{${TOKEN},state="zombie"}`]: 0,
    [`signing_service_hsm_queue_length{${TOKEN}}`]: 0,
    [`signing_service_signer_ready${SIGNER}`]: 0,
    signing_service_hsm_queue_limit: 7,
    signing_service_hsm_timeout_seconds: 4.5,
  })
  state.pool = {
    ...state.pool,
    state: 'ready',
    sessions: { opening: 0, idle: 0, busy: 1, zombie: 1 },
    queued: 3,
  }
  const later = await samples()
  t.equal(later.get(`signing_service_hsm_ready{${TOKEN}}`), 1)
  t.equal(later.get(`signing_service_hsm_sessions{${TOKEN},state="opening"}`), 0)
  t.equal(later.get(`signing_service_hsm_sessions{${TOKEN},state="busy"}`), 1)
  t.equal(later.get(`signing_service_hsm_sessions{${TOKEN},state="zombie"}`), 1)
  t.equal(later.get(`signing_service_hsm_queue_length{${TOKEN}}`), 3)
})

t.test('a signer that does not sign is told apart from its token', async (t) => {
  const { state, samples } = start()
  state.pool = { ...state.pool, state: 'ready' }
  state.key = 'unavailable'
  t.equal((await samples()).get(`signing_service_signer_ready${SIGNER}`), 0)
  state.key = 'ready'
  t.equal((await samples()).get(`signing_service_signer_ready${SIGNER}`), 1)
})

t.test('signers and tokens that are there no more have no values any more', async (t) => {
  const { state, samples } = start()
  state.signer = signerUntil(new Date())
  const names = async () => [...(await samples()).keys()].filter((name) => /contracts|hsm1/.test(name))
  t.equal((await names()).length, 9)
  state.signers = ['invoices']
  state.tokens = ['hsm2']
  t.same(await names(), [])
})

t.test('the days left are those of the certificate that expires first', async (t) => {
  const { state, samples } = start()
  const end = new Date(Date.now() + 10.5 * DAY_MS)
  state.signer = signerUntil(new Date(Date.now() + 100 * DAY_MS), end)
  const valid = await samples()
  const left = valid.get(`signing_service_certificate_days_left${SIGNER}`) ?? 0
  t.ok(left <= 10.5 && left > 10.49, `${left}`)
  t.equal(valid.get(`signing_service_certificate_expiry_timestamp_seconds${SIGNER}`), end.getTime() / 1000)
  state.signer = signerUntil(new Date(Date.now() - 2 * DAY_MS))
  const expired = (await samples()).get(`signing_service_certificate_days_left${SIGNER}`) ?? 0
  t.ok(expired <= -2 && expired > -2.01, `${expired}`)
})
