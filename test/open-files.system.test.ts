/** A service that may have few files open. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { send } from './support/http.ts'
import { findPort } from './support/ports.ts'
import { programPath } from './support/programs.ts'
import { scrape } from './support/scrape.ts'
import { waitUntilReady } from './support/service.ts'
import { createToken, generateKey, issueCertificates, signingEnvironment } from './support/token.ts'

t.test('idle connections keep nobody out, however few files may be open', async (t) => {
  const directory = t.testdir()
  const token = await createToken(join(directory, 'token'))
  const publicKey = await generateKey(token, { id: '01', bits: 2048, label: 'rsa' })
  const certificates = await issueCertificates(join(directory, 'ca'), publicKey, 'leaf.pem')
  const port = await findPort()
  const child = spawn(
    'sh',
    ['-c', 'ulimit -n 300 && exec "$0" "$1"', process.execPath, programPath('server')],
    {
      env: {
        ...process.env,
        ...signingEnvironment(token, certificates),
        ...{ HSM_SESSIONS: '2', SIGNING_SERVICE_HOST: '127.0.0.1', SIGNING_SERVICE_PORT: `${port}` },
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  t.teardown(() => child.kill('SIGKILL'))
  let log = ''
  child.stdout.on('data', (chunk) => {
    log += chunk
  })
  const url = `http://127.0.0.1:${port}`
  await waitUntilReady(url)
  t.match(
    log,
    /may have 300 files open, .*: a port takes 164 connections in place of the 384 of SIGNING_SERVICE_/,
  )
  const { samples } = await scrape(url)
  t.equal(samples.get('signing_service_http_connections_limit'), 164)
  const sockets = Array.from({ length: 320 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  t.teardown(() => {
    for (const socket of sockets) {
      socket.destroy()
    }
  })
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  for (let round = 0; round < 5; round++) {
    // A kept connection may be closed just as it is used again
    const { statusCode } = await send(`${url}/health/live`, { agent: new Agent() })
    t.equal(statusCode, 200)
  }
})
