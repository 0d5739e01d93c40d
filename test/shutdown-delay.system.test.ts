/** SHUTDOWN_DELAY_MS: the time in which load balancers learn that the service is about to end. */
import t from 'tap'
import { createFaultyModule } from './support/faulty-module/faulty-module.ts'
import { send } from './support/http.ts'
import { startReadyServerProcess } from './support/server-process.ts'
import { allIdle, hsmStatus, isRunning, outcome, rawRequest, signMany, until } from './support/signing.ts'
import { createSigningToken } from './support/token.ts'

const directory = t.testdir()
const { environment: tokenEnvironment, publicKey } = await createSigningToken(directory)
const module = await createFaultyModule(directory, tokenEnvironment)
const { environment } = module

t.test('it is not ready at once, and signs until the delay is over', async (t) => {
  module.plan()
  const { child, address, exited, output } = await startReadyServerProcess(t, {
    ...environment,
    SHUTDOWN_DELAY_MS: '5000',
    HSM_TIMEOUT_MS: '20000',
  })
  const [signer = 0] = module.processes().slice(-1)
  await allIdle(address)
  child.kill('SIGTERM')
  await until('it is not ready', async () => {
    const ready = await send(`${address}/health/ready`)
    return ready.statusCode === 503 && ready.json().closing === true
  })
  t.equal((await hsmStatus(address)).state, 'ready', 'which is not for the HSM')
  t.equal((await send(`${address}/health/live`)).statusCode, 200)
  t.same(await signMany(address, publicKey, 16), { signed: 16 })
  const text = 'accepted at the last moment'
  module.plan('C_Sign hold')
  const held = send(`${address}/sign`, { method: 'POST', body: JSON.stringify(rawRequest(text)) })
  await until('it is signed', async () => (await hsmStatus(address)).sessions.busy === 1)
  t.notMatch(output(), /finishing what is in flight/, 'all of this during the delay')
  await until('it refuses connections', () =>
    send(`${address}/health/live`).then(
      () => false,
      ({ code }) => code === 'ECONNREFUSED',
    ),
  )
  t.match(output(), /finishing what is in flight/)
  module.plan()
  t.equal(outcome(await held, text, publicKey), 'signed')
  t.same(await exited, { code: 0, signal: null })
  t.notOk(isRunning(signer))
})

t.test('a second signal ends it at once', async (t) => {
  module.plan()
  const { child, address, exited, output } = await startReadyServerProcess(t, {
    ...environment,
    SHUTDOWN_DELAY_MS: '600000',
  })
  const [signer = 0] = module.processes().slice(-1)
  child.kill('SIGINT')
  await until('it is not ready', async () => (await send(`${address}/health/ready`)).statusCode === 503)
  child.kill('SIGTERM')
  t.same(await exited, { code: 1, signal: null })
  t.notMatch(output(), /finishing what is in flight/)
  await until('the signer process has gone', () => !isRunning(signer))
})
