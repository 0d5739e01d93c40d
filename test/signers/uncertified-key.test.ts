import { pino } from 'pino'
import { Registry } from 'prom-client'
import t from 'tap'
import { VARIABLE_SETTINGS } from '../../src/configuration/read-signer.ts'
import { HSM_UNAVAILABLE } from '../../src/errors.ts'
import { createPoolMetrics } from '../../src/metrics/event-metrics.ts'
import { UncertifiedKey } from '../../src/signers/uncertified-key.ts'

t.test('there is no public key before the token was opened', (t) => {
  const signer = {
    access: { module: '/none', pin: { variable: 'HSM_PIN' }, token: {} },
    ...{ key: {}, settings: VARIABLE_SETTINGS },
  }
  const hsm = {
    ...{ sessions: 1, queueLimit: 1, timeoutMs: 1000, keepAliveMs: 1000 },
    requireNonExtractableKeys: false,
  }
  const [log, observer] = [pino({ level: 'silent' }), createPoolMetrics(new Registry())]
  const key = new UncertifiedKey(signer, hsm, log, observer, () => {})
  t.equal(key.status().state, 'starting')
  t.throws(() => key.use(), new HSM_UNAVAILABLE())
  t.end()
})
