import { isIP } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { AuditLog } from '../audit/audit-log.ts'
import type { NewRecord } from '../audit/chain.ts'
import { RefusalLimit } from '../audit/refusal-limit.ts'
import { defined } from '../common/defined.ts'
import { withoutPort } from '../common/networks.ts'
import { removeFrom } from '../common/remove-from.ts'
import { VERSION } from '../common/version.ts'
import { AUDIT_UNAVAILABLE } from '../errors.ts'
import { prepareError } from './error-reply.ts'
import { callerIds, isSigned } from './request-log.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Members of the record of this request beside those of its log line; null until it was read, or if it has no record. */
    decision: Decision | null
    /** True once it was decided what the record says. */
    isDecided: boolean
  }
  interface FastifyContextConfig {
    /** True for routes whose requests are recorded. */
    audited?: boolean
  }
}

/** Longest IPv6 address with a zone (RFC 4007 11), which is the name of a network interface. */
const MAX_ADDRESS = 64
const POLL_MS = 10

type DecisionRecord = Extract<NewRecord, { kind: 'decision' }>
/** Members of a record that only those who prepare and make the signature know. */
export type Decision = {
  -readonly [Member in
    | 'keyId'
    | 'certificateSerial'
    | 'certificateSha256'
    | 'container'
    | 'signatureType'
    | 'digest'
    | 'signatureSha256'
    | 'signingMs']?: DecisionRecord[Member]
}

export interface AuditOptions {
  /** Absent if nothing is recorded. */
  readonly auditLog: AuditLog | undefined
  /** Tells how callers are known at the moment. */
  readonly access: { readonly kind: DecisionRecord['access'] }
}

/**
 * Records each decision about a signature, signed or refused, before its answer leaves. An answer that cannot be recorded is
 * replaced by AUDIT_UNAVAILABLE. Certificates that are handed out are no decision about a signature.
 */
export const audit = fp<AuditOptions>(
  async (app, { auditLog, access }) => {
    app.decorateRequest('decision', null)
    app.decorateRequest('isDecided', false)
    if (auditLog === undefined) {
      return
    }
    const refusals = new RefusalLimit((record) => void auditLog.record(record).catch(() => {}))
    /** Requests that were read and are not answered yet; what they decide is recorded although their clients may have left. */
    const undecided: FastifyRequest[] = []
    app.addHook('preHandler', (request, _reply, done) => {
      if (request.routeOptions.config.audited) {
        request.decision = {}
        undecided.push(request)
      }
      done()
    })
    app.addHook('onSend', async (request, reply, payload) => {
      removeFrom(undecided, request)
      if (!request.routeOptions.config.audited || request.isDecided) {
        return payload
      }
      // An error of a hook that comes later has the answer sent again
      request.isDecided = true
      if (!needsRecord(request, reply, refusals)) {
        return payload
      }
      try {
        await auditLog.record(describe(request, reply, access.kind))
        return payload
      } catch {
        return JSON.stringify(prepareError(new AUDIT_UNAVAILABLE(), request, reply))
      }
    })
    app.addHook('onClose', async () => {
      while (undecided.length > 0) {
        await delay(POLL_MS)
      }
      refusals.flush()
    })
  },
  { name: 'audit', dependencies: ['request-log'] },
)

function needsRecord(request: FastifyRequest, { statusCode }: FastifyReply, refusals: RefusalLimit): boolean {
  const { code, kind, subject } = request.logDetails
  if (statusCode < 400) {
    return kind !== 'certificates'
  }
  return isSigned(request) || refusals.admits(subject, `${code}`)
}

function describe(
  request: FastifyRequest,
  reply: FastifyReply,
  access: DecisionRecord['access'],
): DecisionRecord {
  const { code, kind, subject, signer, hashAlgorithm, containerLevel, shortfall } = request.logDetails
  const isAnswered = code === undefined && request.client?.hasLeft !== true
  const address = withoutPort(request.ip)
  return {
    kind: 'decision',
    outcome: isAnswered ? 'signed' : 'refused',
    ...(!isAnswered && isSigned(request) && { signatureMade: true }),
    requestId: request.id,
    ...callerIds(request.raw),
    ...defined({ traceId: request.trace?.id }),
    access,
    address: isIP(address) === 0 ? 'unknown' : address.slice(0, MAX_ADDRESS),
    path: request.routeOptions.url as string,
    ...defined({ code, action: kind, subject, signer, hashAlgorithm, level: containerLevel, shortfall }),
    ...request.decision,
    durationMs: Math.round(reply.elapsedTime),
    version: VERSION,
  }
}
