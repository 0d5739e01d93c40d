/** Calls that do not return, and requests that must not wait for them. */
import { type ClientRequest, request } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { decisionsIn } from '../../support/audit-records.ts'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import { send } from '../../support/http.ts'
import { type Service, startReadyService } from '../../support/service.ts'
import { allIdle, hsmStatus, isRunning, outcome, rawRequest, signMany, until } from '../../support/signing.ts'
import { createSigningToken } from '../../support/token.ts'

const directory = t.testdir()
const { environment: tokenEnvironment, publicKey } = await createSigningToken(directory)
const module = await createFaultyModule(directory, tokenEnvironment)
const environment = { ...module.environment, HSM_TIMEOUT_MS: '1500' }

/** Starts the service and waits until all of its sessions have made their test signatures. */
async function startIdleService(t: Test, environment: Record<string, string>): Promise<Service> {
  module.plan()
  const service = await startReadyService(t, environment)
  await allIdle(service.url)
  return service
}

function zombie({ url }: Service): Promise<void> {
  return until('a session is a zombie', async () => (await hsmStatus(url)).sessions.zombie === 1)
}

async function signOne({ sign }: Service, text: string): Promise<string> {
  return outcome(await sign(rawRequest(text)), text, publicKey)
}

/** Sends a request that will be destroyed before it is answered. */
function askInVain({ url }: Service): ClientRequest {
  const outgoing = request(`${url}/sign`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  })
  outgoing.on('error', () => {})
  outgoing.end(JSON.stringify(rawRequest('nobody waits for this')))
  return outgoing
}

t.test('one session hangs', async (t) => {
  const service = await startIdleService(t, environment)
  module.plan('C_Sign hold times=1')

  t.test('its request is signed by another', async (t) => {
    t.same(await signMany(service.url, publicKey, 8), { signed: 8 })
    await zombie(service)
    await until('another session is in its place', async () => {
      const { idle, zombie } = (await hsmStatus(service.url)).sessions
      return idle === 2 && zombie === 1
    })
    await service.ready()
  })

  t.test('its late signature is given to nobody, and it is closed', async (t) => {
    const opened = module.calls('C_OpenSession')
    const [one, two] = [signOne(service, 'one'), signOne(service, 'two')]
    module.plan()
    t.same(await Promise.all([one, two]), ['signed', 'signed'])
    await allIdle(service.url)
    t.equal(module.calls('C_OpenSession'), opened)
    t.same(await signMany(service.url, publicKey, 8), { signed: 8 })
  })

  t.test('or it comes back with an error', async (t) => {
    module.plan('C_Sign hold times=1', 'C_SignInit return CKR_FUNCTION_FAILED chance=0')
    t.same(await signMany(service.url, publicKey, 2), { signed: 2 })
    await zombie(service)
    const closed = module.calls('C_CloseSession')
    module.plan('C_CloseSession delay 1')
    await until('it is closed', () => module.calls('C_CloseSession') > closed)
    await allIdle(service.url)
  })

  t.test('and another hangs while it is closed, whose successor has to wait for its place', async (t) => {
    module.plan('C_Sign hold times=1')
    t.same(await signMany(service.url, publicKey, 2), { signed: 2 })
    await zombie(service)
    await until('its successor signs', async () => (await hsmStatus(service.url)).sessions.idle === 2)
    const closed = module.calls('C_CloseSession')
    module.plan('C_CloseSession hold', 'C_Sign hold times=1')
    await until('it is closed', () => module.calls('C_CloseSession') > closed)
    const opened = module.calls('C_OpenSession')
    t.same(await signMany(service.url, publicKey, 2), { signed: 2 })
    await zombie(service)
    t.match((await hsmStatus(service.url)).sessions, { opening: 1, idle: 1 })
    t.same(await signMany(service.url, publicKey, 4), { signed: 4 })
    t.equal(module.calls('C_OpenSession'), opened)
    module.plan()
    await until('the successor is opened', () => module.calls('C_OpenSession') > opened)
    await allIdle(service.url)
    t.same(await signMany(service.url, publicKey, 8), { signed: 8 })
    t.notMatch(service.log(), /starting the signer process again/)
  })
})

t.test('more than half of the sessions hang: the process is replaced, the others sign', async (t) => {
  const service = await startIdleService(t, { ...environment, HSM_SESSIONS: '3' })
  const [pid = 0] = module.processes().slice(-1)
  module.plan('C_Sign hang times=2')
  t.same(await signMany(service.url, publicKey, 6), { signed: 6 })
  await until('the process is killed', () => !isRunning(pid))
  t.match(service.log(), /sessions do not answer/)
  await service.ready()
  t.same(await signMany(service.url, publicKey, 8), { signed: 8 })
})

t.test('all sessions hang: the process is replaced while the requests have time', async (t) => {
  const service = await startIdleService(t, { ...environment, HSM_TIMEOUT_MS: '14000' })
  const [pid = 0] = module.processes().slice(-1)
  module.plan('C_Sign hang times=2')
  t.same(await signMany(service.url, publicKey, 6), { signed: 6 })
  t.notOk(isRunning(pid))
})

t.test('all sessions work', async (t) => {
  const service = await startIdleService(t, { ...environment, HSM_QUEUE_LIMIT: '3', HSM_TIMEOUT_MS: '20000' })
  const whileBothSign = async (act: () => Promise<void>) => {
    const before = module.calls('C_Sign')
    module.plan('C_Sign hold')
    const both = signMany(service.url, publicKey, 2)
    // Until then they may read what comes next together with what they sign, and sign it though it is taken back
    await until('both sign', () => module.calls('C_Sign') === before + 2)
    await act()
    module.plan()
    t.same(await both, { signed: 2 })
  }
  const queued = async (count: number) =>
    until(`${count} are queued`, async () => (await hsmStatus(service.url)).queued === count)

  t.test('and the queue is full: HSM_BUSY at once', async (t) => {
    let waiting: Promise<string>[] = []
    await whileBothSign(async () => {
      waiting = ['a', 'b', 'c'].map((text) => signOne(service, text))
      await queued(3)
      const refused = await service.sign(rawRequest('one too many'))
      t.equal(refused.json().code, 'HSM_BUSY')
      t.match(refused.headers['retry-after'], /^\d+$/)
    })
    t.same(await Promise.all(waiting), ['signed', 'signed', 'signed'])
  })

  t.test('and a client that waits goes away: its place in the queue is free', async (t) => {
    const signatures = module.calls('C_Sign')
    await whileBothSign(async () => {
      const outgoing = askInVain(service)
      await queued(1)
      outgoing.destroy()
      await queued(0)
    })
    t.equal(module.calls('C_Sign'), signatures + 2)
  })

  t.test('and the client of a request in flight goes away: the session goes on', async (t) => {
    module.plan('C_Sign hold')
    const outgoing = askInVain(service)
    await until('it signs', async () => (await hsmStatus(service.url)).sessions.busy === 1)
    outgoing.destroy()
    module.plan()
    await allIdle(service.url)
    t.same(await signMany(service.url, publicKey, 4), { signed: 4 })
  })
})

t.test(
  'a client goes away whose request a session has read already: its signature is on record',
  async (t) => {
    const file = join(directory, 'audit.log')
    const service = await startIdleService(t, { ...environment, HSM_SESSIONS: '1', AUDIT_FILE: file })
    const [pid = 0] = module.processes().slice(-1)
    /** Returns whether the session had read the order of the one that goes away, which it does not on a busy machine. */
    const leave = async () => {
      const [signed, recorded] = [module.calls('C_Sign'), decisionsIn(file).length]
      module.plan('C_Sign hold')
      process.kill(pid, 'SIGSTOP')
      const first = signOne(service, 'waits')
      await until('the session is busy', async () => (await hsmStatus(service.url)).sessions.busy === 1)
      const outgoing = askInVain(service)
      await until('the other is queued', async () => (await hsmStatus(service.url)).queued === 1)
      process.kill(pid, 'SIGCONT')
      await until('it signs the first', () => module.calls('C_Sign') === signed + 1)
      outgoing.destroy()
      await until('the other is taken back', async () => (await hsmStatus(service.url)).queued === 0)
      module.plan()
      t.equal(await first, 'signed')
      await until('both are on record', () => decisionsIn(file).length === recorded + 2)
      const hasRead = module.calls('C_Sign') === signed + 2
      const decisions = decisionsIn(file).slice(recorded)
      t.match(decisions, [{ outcome: 'signed' }, { outcome: 'refused' }])
      t.equal(decisions.at(-1)?.signatureMade, hasRead ? true : undefined)
      return hasRead
    }
    let hasRead = false
    for (let tries = 0; tries < 20 && !hasRead; tries += 1) {
      hasRead = await leave()
    }
    t.ok(hasRead)
  },
)

t.test('a deadline passes in the queue', async (t) => {
  const service = await startIdleService(t, { ...environment, HSM_SESSIONS: '3' })
  module.plan('C_Sign hold')
  const first = signMany(service.url, publicKey, 3)
  await until('all sign', async () => (await hsmStatus(service.url)).sessions.busy === 3)
  const second = signOne(service, 'waits')
  const { HSM_TIMEOUT: late = 0, HSM_UNAVAILABLE: unavailable = 0 } = await first
  t.equal(late + unavailable, 3, 'the process is lost with the second')
  t.match(await second, /HSM_(TIMEOUT|UNAVAILABLE)/)
  module.plan()
  await service.ready()
})

t.test('idle sessions', async (t) => {
  const service = await startIdleService(t, { ...environment, HSM_KEEPALIVE_MS: '1000' })
  const states = new Set<number>()
  const watch = setInterval(
    () => void send(`${service.url}/health/ready`).then(({ statusCode }) => states.add(statusCode)),
    50,
  )
  t.teardown(async () => clearInterval(watch))
  await allIdle(service.url)

  t.test('sign test signatures, which readiness does not show', async (t) => {
    const signatures = module.calls('C_Sign')
    await until('each has made two', () => module.calls('C_Sign') >= signatures + 4)
    t.same([...states], [200])
  })

  t.test('do not lose readiness to a token that throttles', async (t) => {
    const signatures = module.calls('C_Sign')
    module.plan('C_Sign return CKR_FUNCTION_FAILED')
    await until('each has tried twice', () => module.calls('C_Sign') >= signatures + 4)
    t.same([...states], [200])
    module.plan()
  })

  t.test('are opened anew when a test signature fails', async (t) => {
    const opened = module.calls('C_OpenSession')
    module.plan('C_SignInit return CKR_SESSION_HANDLE_INVALID times=1')
    await until('one is', () => module.calls('C_OpenSession') > opened)
    await allIdle(service.url)
    t.equal(module.calls('C_OpenSession'), opened + 1)
  })

  t.test('and are out of use when it does not verify', async (t) => {
    clearInterval(watch)
    module.plan('C_Sign flip')
    await until('the service is not ready', async () => (await hsmStatus(service.url)).state !== 'ready')
    t.match((await hsmStatus(service.url)).sessions, { idle: 0, busy: 0 })
    module.plan()
    await service.ready()
    t.same(await signMany(service.url, publicKey, 4), { signed: 4 })
  })
})
