import fp from 'fastify-plugin'
import type { ReadyReply } from '../../schemas/health.ts'
import type { SigningKey } from '../signers/signing-key.ts'
import { describeInvalidity, earliestNotAfter } from '../signers/validity.ts'

export interface HealthOptions {
  readonly signingKey: SigningKey
}

const PROBE = { config: { probe: true } }

/** `GET /` for probes, `/health/live` for the process, `/health/ready` for whether signing would work now. */
export const health = fp<HealthOptions>(
  async (app, { signingKey }) => {
    app.get('/', PROBE, async () => ({ status: 'ok', service: 'signing-service' }))

    app.get('/health/live', PROBE, async () => ({ status: 'live' }))

    app.get('/health/ready', PROBE, async (_request, reply) => {
      const body = describeReadiness(signingKey)
      return reply
        .status(body.status === 'ready' ? 200 : 503)
        .header('cache-control', 'no-store')
        .send(body)
    })
  },
  { name: 'health' },
)

function describeReadiness(signingKey: SigningKey): ReadyReply {
  const { state, since, reason, sessions, queued } = signingKey.status()
  const validity = signingKey.knownSigner()?.validity
  return {
    status: state === 'ready' ? 'ready' : 'not ready',
    hsm: {
      state,
      since: since.toISOString(),
      ...(reason === undefined ? {} : { reason }),
      sessions,
      queued,
    },
    certificate:
      validity === undefined
        ? { valid: false }
        : {
            valid: describeInvalidity(validity, new Date()) === undefined,
            notAfter: earliestNotAfter(validity).toISOString(),
          },
  }
}
