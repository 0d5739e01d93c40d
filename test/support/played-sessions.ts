/** Sessions at the pace of a test: what the signer process answers, and what time it is, is what the test says. */

import { generateKeyPairSync, privateEncrypt } from 'node:crypto'
import { mock } from 'node:test'
import pino from 'pino'
import type { Test } from 'tap'
import { RSA_PKCS1 } from '../../src/algorithms/rsa-pkcs1.ts'
import type { HsmConfiguration } from '../../src/configuration/configuration.ts'
import type { FromSession, ToSignerProcess } from '../../src/pkcs11/messages.ts'
import type { PoolObserver } from '../../src/pkcs11/pool/pool-options.ts'
import { ServiceTime } from '../../src/pkcs11/pool/service-time.ts'
import { Sessions } from '../../src/pkcs11/pool/sessions.ts'
import { SigningJob } from '../../src/pkcs11/pool/signing-job.ts'
import type { Recovery, TokenFailure } from '../../src/pkcs11/return-values.ts'
import { createTestInput, type SigningInput } from '../../src/pkcs11/signing-input.ts'

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** One that verifies with nothing. */
export const WRONG = Buffer.alloc(256, 1)

export const HSM = {
  timeoutMs: 4_000,
  keepAliveMs: 600_000,
  queueLimit: 1,
} as HsmConfiguration

/** The attributes that a token shows of a key that was generated on it and cannot leave it. */
export const PROTECTED = {
  ...{ sensitive: true, extractable: false, local: true },
  ...{ alwaysSensitive: true, neverExtractable: true },
}

export function failure(recovery: Recovery, returnValue = 'CKR_TEST'): TokenFailure {
  return { returnValue, call: 'C_Sign', recovery }
}

/** What the certificate's key makes of an order. */
export function signature(data: Uint8Array): Buffer {
  return privateEncrypt(privateKey, data)
}

/** What the only key is used with. */
export const USE = { publicKey, algorithm: RSA_PKCS1 }

/** Returns the input of a signature with the only key, for which each signature is taken for the right one. */
export function inputFor(text: string): SigningInput {
  return { key: 0, mechanism: { name: 'CKM_RSA_PKCS' }, data: Buffer.from(text), verify: () => true }
}

/** Writes down what it is told, each as `name argument`, but calls and waits. */
export function observe(events: string[]): PoolObserver {
  return {
    waited() {},
    called() {},
    retried: (reason) => events.push(`retried ${reason}`),
    evicted: (reason) => events.push(`evicted ${reason}`),
    loggedIn: (returnValue) => events.push(`logged in ${returnValue}`),
    restarted: (reason) => events.push(`restarted ${reason}`),
    selfCheckFailed: () => events.push('self-check failed'),
  }
}

/** The first session has been told to open; nothing has been answered. */
export function playSessions(t: Test, count: number, change: Partial<HsmConfiguration> = {}) {
  let now = 1_000
  t.intercept(performance, 'now', { value: () => now })
  t.intercept(Math, 'random', { value: () => 0 })
  mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] })
  t.teardown(() => mock.timers.reset())
  const orders: ToSignerProcess[] = []
  const events: string[] = []
  const observed: string[] = []
  const logged: string[] = []
  const serviceTime = new ServiceTime()
  const sessions = new Sessions({
    test: createTestInput(0, USE),
    hsm: { ...HSM, sessions: count, ...change },
    access: { pin: { file: '/pin' } },
    serviceTime,
    log: pino({ level: 'warn' }, { write: (line) => logged.push(line) }),
    observer: observe(observed),
    supervisor: {
      send: (order) => orders.push(order),
      replace: (reason, restart) => events.push(`lost: ${reason}: ${restart}`),
      refusePin: (returnValue) => events.push(`pin-refused: ${returnValue}`),
    },
    jobs: {
      dispatch() {},
      signed: (job, signature) => job.succeed(signature),
      begun: (job) => events.push(`begun ${Buffer.from(job.data)}`),
      leftOut: (job) => events.push(`left out ${Buffer.from(job.data)}`),
      returned: (job, { recovery }) => events.push(`returned ${Buffer.from(job.data)} ${recovery}`),
      repeat: (job, reason) => events.push(`${reason} ${Buffer.from(job.data)}`),
    },
    onTested: () => events.push('tested'),
    onStartFailed: (failure) => events.push(Object.values(failure).join(': ')),
  })
  t.teardown(() => sessions.abandon())
  const lastOrder = (session: number) =>
    orders.filter((order) => 'session' in order && order.session === session).at(-1) as
      | (ToSignerProcess & { ticket: number; data?: Uint8Array })
      | undefined
  const answer = (session: number, content: object, ticket = lastOrder(session)?.ticket ?? 0) =>
    sessions.receive({ session, ticket, seconds: 0.001, ...content } as FromSession)
  const open = (session: number) => answer(session, { type: 'session-opened' })
  const sign = (session: number, octets = signature(lastOrder(session)?.data ?? new Uint8Array())) =>
    answer(session, { type: 'signed', signature: octets })
  return {
    sessions,
    orders,
    /** What the sessions told the pool. */
    events,
    /** What they told the observer. */
    observed,
    logged,
    serviceTime,
    lastOrder,
    answer,
    open,
    sign,
    /** Opens all sessions and has them make their test signatures. */
    testAll() {
      for (let session = 0; session < count; session++) {
        open(session)
        sign(session)
      }
      events.length = 0
    },
    failToOpen: (session: number, recovery: Recovery) =>
      answer(session, { type: 'session-failed', failure: failure(recovery) }),
    failToSign: (session: number, recovery: Recovery, returnValue?: string) =>
      answer(session, { type: 'sign-failed', failure: failure(recovery, returnValue) }),
    job: (text: string) => {
      const input = { ...inputFor(text), verify: (octets: Uint8Array) => !WRONG.equals(octets) }
      const job = new SigningJob(input, now + 4_000, (late) => late.fail(new Error('late')), {
        owner: undefined,
        turn: 1,
      })
      job.signature.catch(() => {})
      return job
    },
    /** The event loop does its work in time. */
    pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 100) {
        now += 100
        mock.timers.tick(100)
        sessions.tick(now)
      }
    },
    /** The event loop stands still, and then looks at the sessions once. */
    stall(ms: number) {
      now += ms
      sessions.tick(now)
    },
  }
}
