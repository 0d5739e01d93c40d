import { pino } from 'pino'
import { Registry } from 'prom-client'
import t from 'tap'
import { HSM_UNAVAILABLE } from '../../src/errors.ts'
import { PoolMetrics } from '../../src/metrics/pool-metrics.ts'
import { UncertifiedKey } from '../../src/signers/uncertified-key.ts'

t.test('there is no public key before the token was opened', (t) => {
  const hsm = {
    ...{ module: '/none', pin: { variable: 'HSM_PIN' }, token: {}, key: {}, sessions: 1, queueLimit: 1 },
    ...{ timeoutMs: 1000, keepAliveMs: 1000, zombieLimit: 0, sessionMaxUses: 0, sessionMaxAgeMs: 0 },
  }
  const key = new UncertifiedKey(hsm, pino({ level: 'silent' }), new PoolMetrics(new Registry()), () => {})
  t.equal(key.status().state, 'starting')
  t.throws(() => key.publicKey(), new HSM_UNAVAILABLE())
  t.end()
})
