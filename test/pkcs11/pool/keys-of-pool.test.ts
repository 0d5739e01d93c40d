/** A pool with two keys, at the pace of the test: sessions are tested with the first one. */
import pino from 'pino'
import t, { type Test } from 'tap'
import type { HsmConfiguration } from '../../../src/configuration/configuration.ts'
import { VARIABLE_SETTINGS } from '../../../src/configuration/read-signer.ts'
import type { ConfigurationError } from '../../../src/errors.ts'
import type { FromSession, SessionOrder, ToSignerProcess } from '../../../src/pkcs11/messages.ts'
import { SessionPool, type SupervisorCalls } from '../../../src/pkcs11/pool/session-pool.ts'
import type { HsmState, SupervisorEvents } from '../../../src/pkcs11/pool/supervisor.ts'
import { HSM, inputFor, observe, PROTECTED, signature, USE, WRONG } from '../../support/played-sessions.ts'
import { until } from '../../support/signing.ts'

function play(t: Test, change: Partial<HsmConfiguration> = {}, publicKey?: Uint8Array) {
  const orders: ToSignerProcess[] = []
  const logged: string[] = []
  const misconfigured: ConfigurationError[] = []
  let events: SupervisorEvents | undefined
  let state: HsmState = 'starting'
  const supervisor: SupervisorCalls = {
    get state() {
      return { state, since: new Date(0) }
    },
    isLoginPending: false,
    isUnavailableUntil: () => false,
    send: (order) => orders.push(order),
    markReady() {
      const isFirst = state !== 'ready'
      state = 'ready'
      return isFirst
    },
    ...{ start() {}, retry() {}, replace() {}, refusePin() {}, misconfigured() {} },
    async close() {},
  }
  const key = {
    request: { selector: {}, certificateOnToken: false },
    settings: VARIABLE_SETTINGS,
    accept: () => USE,
  }
  const pool = new SessionPool(
    {
      hsm: { ...HSM, sessions: 1, queueLimit: 5, ...change },
      access: { module: '/none', token: {}, pin: { variable: 'HSM_PIN' } },
      keys: [key, key],
      onMisconfigured: (error) => misconfigured.push(error),
      log: pino({ level: 'error' }, { write: (line) => logged.push(line) }),
      observer: observe([]),
    },
    (given) => {
      events = given
      return supervisor
    },
  )
  t.teardown(() => pool.close(0))
  const shown = publicKey === undefined ? {} : { publicKey }
  return {
    pool,
    logged,
    misconfigured,
    open: () =>
      events?.onOpened(
        ['one', 'two'].map((label) => ({
          label,
          labelBytes: Buffer.from(label),
          id: '01',
          protection: PROTECTED,
          ...shown,
        })),
      ),
    /** Answers all that was ordered: signatures of the second key are these. */
    answer(second: (data: Uint8Array) => Uint8Array) {
      for (const order of orders.splice(0) as SessionOrder[]) {
        const { session, ticket } = order
        const told = { session, ticket, seconds: 0.001 }
        events?.onMessage(
          (order.type === 'sign'
            ? { ...told, type: 'signed', signature: (order.key === 0 ? signature : second)(order.data) }
            : { ...told, type: 'session-opened' }) as FromSession,
        )
      }
    },
  }
}

t.test('nothing is signed with a key before the token is open', async (t) => {
  const { pool } = play(t)
  await t.rejects(pool.test(1), { code: 'HSM_UNAVAILABLE' })
})

t.test('a key whose signatures do not verify', async (t) => {
  for (const [publicKey, told] of [
    [Buffer.alloc(1), 'of a token that shows the public half: the HSM is faulty'],
    [undefined, 'of one that hides it: the certificate may be that of another key'],
  ] as const) {
    t.test(told, async (t) => {
      const { pool, open, answer, misconfigured, logged } = play(t, {}, publicKey)
      open()
      await until('it is known', () => {
        answer(() => WRONG)
        return pool.isUnusable(1) && pool.keyStatus(0).state === 'ready'
      })
      t.match(pool.keyStatus(1), { state: 'unavailable', reason: 'test signatures do not verify' })
      const hidden = publicKey === undefined
      t.match(misconfigured, hidden ? [{ problems: [{ variable: 'SIGNER_CERTIFICATE_FILE' }] }] : [])
      t.equal(logged.filter((line) => line.includes('a key cannot be used')).length, hidden ? 0 : 1)
      await t.rejects(
        pool.sign({ ...inputFor('text'), key: 1 }, { deadline: performance.now() + 100 }),
        { code: 'SIGNATURE_SELF_CHECK_FAILED' },
        'no session is given what would cost it its life',
      )
    })
  }
})

t.test('what becomes of test signatures once the pool is closed is nobody told', async (t) => {
  const { pool, open, answer, logged } = play(t, { timeoutMs: 300 })
  open()
  await until('the first key has signed', () => {
    answer(() => WRONG)
    return pool.keyStatus(0).state === 'ready'
  })
  await until('the second key is tested', () => pool.status().sessions.busy === 1)
  await pool.close(0)
  await until('its test has ended', () => pool.isUnusable(1))
  t.strictSame(
    logged.filter((line) => line.includes('a key cannot be used')),
    [],
  )
})
