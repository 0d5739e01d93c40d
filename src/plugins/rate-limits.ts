import fastifyRateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Registry } from 'prom-client'
import type { RateLimits } from '../configuration/configuration.ts'
import { RATE_LIMITED } from '../errors.ts'
import { registerGauge } from '../metrics/registration.ts'
import type { RequestedSignature } from './metrics.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Counts the signature that a request asks for, and that its caller may have. A request that is refused counts for
     * nobody.
     *
     * @param reply gets Retry-After if the request is refused
     * @throws RATE_LIMITED
     */
    limitRate(reply: FastifyReply): Promise<void>
  }
}

/** The library's count for a request, unless a list of its own lets it pass. */
type Count = Extract<
  Awaited<ReturnType<ReturnType<FastifyInstance['createRateLimit']>>>,
  { isAllowed: false }
>

/** A minute begins with the first signature in it, so that two of them may be used up within a moment. */
const WINDOW_MS = 60_000

/**
 * Limits how many signatures each caller, and each signer, is asked for in a minute. The library counts for 5,000 names
 * of each kind, and forgets the one first that was not asked for longest.
 */
export const rateLimits = fp<RateLimits & { readonly registry: Registry }>(
  async (app, { perSubject, perSigner, registry }) => {
    await app.register(fastifyRateLimit, { global: false, timeWindow: WINDOW_MS })

    /** Counts how often the clock was found set back. What was counted by it before counts no more. */
    let setBacks = 0

    function createLimit(who: string, max: number, nameOf: (signature: RequestedSignature) => string) {
      const keyGenerator = ({ signing }: Pick<FastifyRequest, 'signing'>) =>
        `${setBacks} ${nameOf(signing as RequestedSignature)}`
      return { who, max, count: app.createRateLimit({ max, keyGenerator }) }
    }

    const limits = [
      ...(perSubject === undefined
        ? []
        : [createLimit('This caller', perSubject, ({ subject }) => subject as string)]),
      ...(perSigner === undefined ? [] : [createLimit('This signer', perSigner, ({ signer }) => signer)]),
    ]

    async function look(count: () => Promise<unknown>): Promise<Count> {
      const found = (await count()) as Count
      if (found.ttl <= WINDOW_MS) {
        return found
      }
      // Its minute begins in the future, and would take as long as the clock was set back
      setBacks += 1
      return (await count()) as Count
    }

    async function limitRate(request: FastifyRequest, reply: FastifyReply): Promise<void> {
      for (const { who, max, count } of limits) {
        const { remaining, ttlInSeconds } = await look(() => count(request, { increment: false }))
        if (remaining === 0) {
          reply.header('retry-after', ttlInSeconds)
          throw new RATE_LIMITED(who, String(max), String(ttlInSeconds))
        }
      }
      for (const { count } of limits) {
        await count(request)
      }
    }

    const configured = Object.entries({ subject: perSubject, signer: perSigner })
    registerGauge(
      registry,
      'signing_service_rate_limit_per_minute',
      'Signatures that each caller (subject) may ask for in a minute, and that may be asked of each signer.',
      ['scope'],
      () =>
        configured.flatMap(([scope, limit]) => (limit === undefined ? [] : [[{ scope }, limit] as const])),
    )

    /** Settled when the request before was counted, so that no other one comes between its look and its count. */
    let before: Promise<void> = Promise.resolve()
    app.decorateRequest('limitRate', function (reply) {
      if (limits.length === 0) {
        return before
      }
      const limited = before.then(() => limitRate(this, reply))
      before = limited.catch(() => {})
      return limited
    })
  },
  { name: 'rate-limits', dependencies: ['request-metrics'] },
)
