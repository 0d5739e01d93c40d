import { Registry } from 'prom-client'
import t from 'tap'
import { registerSigningKeyGauges } from '../../src/metrics/signing-key-gauges.ts'
import type { PoolStatus } from '../../src/pkcs11/session-pool.ts'
import type { Signer } from '../../src/signers/signer.ts'
import { readSamples } from '../support/scrape.ts'

const DAY_MS = 86_400_000
const SIGNER = '{signer="default"}'

/** The gauges of a pool and a signer that the test changes. */
function start() {
  const registry = new Registry()
  const signingKey = {
    pool: {
      state: 'starting',
      since: new Date(),
      sessions: { opening: 2, idle: 0, busy: 0, zombie: 0 },
      queued: 0,
    } as PoolStatus,
    signer: undefined as Signer | undefined,
    status: () => signingKey.pool,
    knownSigner: () => signingKey.signer,
  }
  registerSigningKeyGauges(registry, { signingKey, queueLimit: 7 })
  return { signingKey, samples: async () => readSamples(await registry.metrics()) }
}

/** A signer of whose chain only the ends of its validity matter. */
function signerUntil(...ends: Date[]): Signer {
  const validity = ends.map((notAfter) => ({ subject: 'CN=Test', notBefore: new Date(0), notAfter }))
  return { validity } as unknown as Signer
}

t.test('a scrape tells of the pool at that moment', async (t) => {
  const { signingKey, samples } = start()
  t.same(Object.fromEntries(await samples()), {
    signing_service_hsm_ready: 0,
    'signing_service_hsm_sessions{state="opening"}': 2,
    'signing_service_hsm_sessions{state="idle"}': 0,
    'signing_service_hsm_sessions{state="busy"}': 0,
    'signing_service_hsm_sessions{state="zombie"}': 0,
    signing_service_hsm_queue_length: 0,
    signing_service_hsm_queue_limit: 7,
  })
  signingKey.pool = {
    ...signingKey.pool,
    state: 'ready',
    sessions: { opening: 0, idle: 0, busy: 1, zombie: 1 },
    queued: 3,
  }
  const later = await samples()
  t.equal(later.get('signing_service_hsm_ready'), 1)
  t.equal(later.get('signing_service_hsm_sessions{state="opening"}'), 0)
  t.equal(later.get('signing_service_hsm_sessions{state="busy"}'), 1)
  t.equal(later.get('signing_service_hsm_sessions{state="zombie"}'), 1)
  t.equal(later.get('signing_service_hsm_queue_length'), 3)
})

t.test('the days left are those of the certificate that expires first', async (t) => {
  const { signingKey, samples } = start()
  const end = new Date(Date.now() + 10.5 * DAY_MS)
  signingKey.signer = signerUntil(new Date(Date.now() + 100 * DAY_MS), end)
  const valid = await samples()
  const left = valid.get(`signing_service_certificate_days_left${SIGNER}`) ?? 0
  t.ok(left <= 10.5 && left > 10.49, `${left}`)
  t.equal(valid.get(`signing_service_certificate_expiry_timestamp_seconds${SIGNER}`), end.getTime() / 1000)
  signingKey.signer = signerUntil(new Date(Date.now() - 2 * DAY_MS))
  const expired = (await samples()).get(`signing_service_certificate_days_left${SIGNER}`) ?? 0
  t.ok(expired <= -2 && expired > -2.01, `${expired}`)
})
