import fp from 'fastify-plugin'
import type { LiveReply, ReadyReply } from '../../schemas/health.ts'
import { readinessOf } from '../signers/readiness.ts'
import type { Reloading } from '../signers/reloading.ts'
import type { Signers } from '../signers/signers.ts'
import { describeInvalidity, earliestNotAfter } from '../signers/validity.ts'

export interface HealthOptions {
  readonly signers: Pick<Signers, 'all' | 'isSettling'>
  readonly reloading: Pick<Reloading, 'status'>
}

const PROBE = { config: { probe: true } }

/** `GET /` for probes, `/health/live` for the process, `/health/ready` for the signers and their tokens. */
export const health = fp<HealthOptions>(
  async (app, options) => {
    app.get('/', PROBE, async () => ({ status: 'ok', service: 'signing-service' }))

    app.get('/health/live', PROBE, async (): Promise<LiveReply> => ({ status: 'live' }))

    app.get('/health/ready', PROBE, async (_request, reply) => {
      const body = describeReadiness(options, app.isClosing())
      return reply
        .status(body.status === 'ready' ? 200 : 503)
        .header('cache-control', 'no-store')
        .send(body)
    })
  },
  { name: 'health', dependencies: ['closing'] },
)

/**
 * Ready is a service that was not told to end, and whose signers are, with what their containers hold where that comes
 * soon after the start. A chain outside its validity does not change that,
 * though every signature is refused then: `certificate.valid` tells.
 *
 * Signers are counted, not named: who asks need not know who there is.
 */
function describeReadiness({ signers, reloading }: HealthOptions, closing: boolean): ReadyReply {
  const keys = signers.all()
  const { total, ready, isReady } = readinessOf(keys)
  return {
    status: isReady && !closing && !signers.isSettling() ? 'ready' : 'not ready',
    closing,
    ...describeDefault(keys[0] as (typeof keys)[number]),
    signers: { total, ready },
    configuration: describeReloading(reloading),
  }
}

function describeDefault(key: ReturnType<Signers['all']>[number]): Pick<ReadyReply, 'hsm' | 'certificate'> {
  const { state, since, reason, sessions, queued } = key.status()
  const validity = key.knownSigner()?.validity
  return {
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

function describeReloading({ status }: HealthOptions['reloading']): ReadyReply['configuration'] {
  const { since, last } = status
  return {
    since: since.toISOString(),
    ...(last === undefined ? {} : { reload: { ...last, at: last.at.toISOString() } }),
  }
}
