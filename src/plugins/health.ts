import fp from 'fastify-plugin'
import type { LiveReply, ReadyReply } from '../../schemas/health.ts'
import type { SigningKey } from '../signers/signing-key.ts'
import { describeInvalidity, earliestNotAfter } from '../signers/validity.ts'

export interface HealthOptions {
  readonly signingKey: SigningKey
}

const PROBE = { config: { probe: true } }

/** `GET /` for probes, `/health/live` for the process, `/health/ready` for the token. */
export const health = fp<HealthOptions>(
  async (app, { signingKey }) => {
    app.get('/', PROBE, async () => ({ status: 'ok', service: 'signing-service' }))

    app.get('/health/live', PROBE, async (): Promise<LiveReply> => ({ status: 'live' }))

    app.get('/health/ready', PROBE, async (_request, reply) => {
      const body = describeReadiness(signingKey, app.isClosing())
      return reply
        .status(body.status === 'ready' ? 200 : 503)
        .header('cache-control', 'no-store')
        .send(body)
    })
  },
  { name: 'health', dependencies: ['closing'] },
)

/**
 * Ready is a token that is logged in and whose last test signature verified, in a service that was not told to end. A
 * chain outside its validity does not change that, though every signature is refused then: `certificate.valid` tells.
 */
function describeReadiness(signingKey: SigningKey, closing: boolean): ReadyReply {
  const { state, since, reason, sessions, queued } = signingKey.status()
  const validity = signingKey.knownSigner()?.validity
  return {
    status: state === 'ready' && !closing ? 'ready' : 'not ready',
    closing,
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
