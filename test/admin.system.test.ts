/** The admin port of a real process: where it cannot listen, and how it ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import t from 'tap'
import { issue } from './support/certificates.ts'
import { createFaultyModule } from './support/faulty-module/faulty-module.ts'
import { send } from './support/http.ts'
import { repositoryPath } from './support/repository.ts'
import { startReadyServerProcess, startServerProcess } from './support/server-process.ts'
import { allIdle, hsmStatus, isRunning, outcome, rawRequest, until } from './support/signing.ts'
import { issueServer } from './support/tls.ts'
import { createSigningToken } from './support/token.ts'

const directory = t.testdir()
const { environment: tokenEnvironment, publicKey } = await createSigningToken(directory)
const module = await createFaultyModule(directory, tokenEnvironment)
const environment = { ...module.environment, ADMIN_PORT: '0' }

const taken = createServer().listen(0, '127.0.0.1')
t.teardown(() => taken.close())
await once(taken, 'listening')
const { port: takenPort } = taken.address() as { port: number }

t.test('a process that cannot listen on either port listens on none, and ends', async (t) => {
  for (const prefix of ['ADMIN', 'SIGNING_SERVICE']) {
    module.plan()
    const { exited, output } = startServerProcess(t, { ...environment, [`${prefix}_PORT`]: `${takenPort}` })
    t.same(await exited, { code: 1, signal: null })
    t.match(output(), `cannot listen (EADDRINUSE); choose another ${prefix}_HOST or ${prefix}_PORT`)
    t.match(output(), /EADDRINUSE/)
    t.notMatch(output(), /Server listening/)
    for (const process of module.processes()) {
      t.notOk(isRunning(process), 'no signer process is left')
    }
  }
})

t.test('a process whose ports are one does not start', async (t) => {
  const { exited, output } = startServerProcess(t, {
    ...environment,
    ADMIN_PORT: '9090',
    SIGNING_SERVICE_PORT: '9090',
  })
  t.same(await exited, { code: 78, signal: null })
  t.match(output(), /ADMIN_PORT: 9090 is SIGNING_SERVICE_PORT, too/)
})

/** Runs the health check of the images. */
function check(variables: Record<string, string>) {
  const [, command = '[]'] =
    /^HEALTHCHECK .*\n *CMD (\[.*\])$/m.exec(readFileSync(repositoryPath('docker/Dockerfile'), 'utf8')) ?? []
  const [program, ...args] = JSON.parse(command) as [string, ...string[]]
  return once(spawn(program, args, { env: { ...process.env, ...variables } }), 'close')
}

t.test('the health check of the images asks the admin port, if there is one', async (t) => {
  module.plan()
  const { child, address, adminUrl, exited } = await startReadyServerProcess(t, environment)
  const [signingPort, adminPort] = [address, adminUrl()].map((url) => new URL(url).port)
  t.same(await check({ SIGNING_SERVICE_PORT: `${signingPort}` }), [0, null])
  const empty = { ADMIN_PORT: '', ADMIN_HOST: '', SIGNING_SERVICE_HOST: '', TLS_CERT_FILE: '' }
  t.same(await check({ ...empty, SIGNING_SERVICE_PORT: `${signingPort}` }), [0, null])
  t.same(await check({ ADMIN_HOST: '', ADMIN_PORT: `${adminPort}`, SIGNING_SERVICE_PORT: `${takenPort}` }), [
    0,
    null,
  ])
  child.kill('SIGTERM')
  await exited
  t.same(await check({ SIGNING_SERVICE_PORT: `${signingPort}` }), [1, null])
  t.same(await check({ ADMIN_PORT: `${adminPort}` }), [1, null])
})

t.test('SIGTERM: the admin port answers until the last caller is answered', async (t) => {
  module.plan()
  const { child, address, adminUrl, exited, output } = await startReadyServerProcess(t, {
    ...environment,
    HSM_TIMEOUT_MS: '60000',
  })
  const admin = adminUrl()
  t.ok(output().indexOf('the admin port listens at') < output().indexOf('Server listening at'))
  await allIdle(admin)
  child.kill('SIGHUP')
  await until('it took SIGHUP', () => output().includes('"trigger":"signal"'))
  const text = 'before the end'
  module.plan('C_Sign hold')
  const held = send(`${address}/sign`, { method: 'POST', body: JSON.stringify(rawRequest(text)) })
  await until('it is signed', async () => (await hsmStatus(admin)).sessions.busy === 1)
  child.kill('SIGTERM')
  await until('it refuses callers', () =>
    send(`${address}/health/live`).then(
      () => false,
      ({ code }) => code === 'ECONNREFUSED',
    ),
  )
  const ready = await send(`${admin}/health/ready`)
  t.equal(ready.statusCode, 503)
  t.match(ready.json(), { status: 'not ready', closing: true, hsm: { state: 'ready' } })
  t.match(ready.headers, { connection: 'keep-alive' }, 'probes go on')
  module.plan()
  t.equal(outcome(await held, text, publicKey), 'signed')
  t.same(await exited, { code: 0, signal: null })
  await t.rejects(send(`${admin}/health/live`), { code: 'ECONNREFUSED' })
})

t.test('the health check of the images takes the refusal of a client for a sign of life', async (t) => {
  module.plan()
  const authority = issue(directory, { subject: '/CN=Clients', ca: true })
  const server = issueServer(directory, authority)
  for (const range of [{}, { NODE_OPTIONS: '--tls-max-v1.2' }]) {
    const tls = {
      TLS_CERT_FILE: server.certificateFile,
      TLS_KEY_FILE: server.keyFile,
      TLS_CLIENT_CA_FILE: authority.certificateFile,
    }
    const { child, url, exited } = startServerProcess(t, { ...tokenEnvironment, ...tls })
    const port = new URL(await url).port
    t.same(await check({ ...tls, ...range, SIGNING_SERVICE_PORT: port }), [0, null])
    t.same(await check({ ...tls, ...range, TLS_CLIENT_CA_FILE: '', SIGNING_SERVICE_PORT: port }), [1, null])
    child.kill('SIGTERM')
    await exited
    t.same(await check({ ...tls, ...range, SIGNING_SERVICE_PORT: port }), [1, null])
  }
})
