/** A signer process that may start few threads. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import t from 'tap'
import { whyNotApart } from '../../support/apart.ts'
import { send } from '../../support/http.ts'
import { findPort } from '../../support/ports.ts'
import { childrenOf } from '../../support/process-figures.ts'
import { programPath } from '../../support/programs.ts'
import { waitUntilReady } from '../../support/service.ts'
import { hsmStatus, rawRequest, until } from '../../support/signing.ts'
import { createToken, generateKey, issueCertificates, signingEnvironment } from '../../support/token.ts'

/** A user of this test alone, since the limit is that of a user. */
const USER = 23_456
/** Less than the sessions below take. */
const THREADS = 64

t.test(
  'sessions for which there is no thread leave the others as they are',
  { skip: whyNotApart() },
  async (t) => {
    const directory = t.testdir()
    const token = await createToken(join(directory, 'token'))
    const publicKey = await generateKey(token, { id: '01', bits: 2048, label: 'rsa' })
    const certificates = await issueCertificates(join(directory, 'ca'), publicKey, 'leaf.pem')
    execFileSync('chown', ['-R', `${USER}:${USER}`, directory])
    execFileSync('chmod', ['a+x', dirname(directory)])
    const port = await findPort()
    const child = spawn('prlimit', [`--nproc=${THREADS}`, process.execPath, programPath('server')], {
      ...{ uid: USER, gid: USER },
      env: {
        PATH: process.env.PATH,
        NODE_OPTIONS: process.env.NODE_OPTIONS,
        ...signingEnvironment(token, certificates),
        ...{ HSM_SESSIONS: '48', SIGNING_SERVICE_HOST: '127.0.0.1', SIGNING_SERVICE_PORT: `${port}` },
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    let log = ''
    child.stdout.on('data', (chunk) => {
      log += chunk
    })
    const url = `http://127.0.0.1:${port}`
    await waitUntilReady(url)
    await until('a thread is missing', () => log.includes('"returnValue":"EAGAIN"'))
    await until('the others sign', async () => Number((await hsmStatus(url)).sessions.idle) > 4)
    const [signer] = childrenOf(Number(child.pid))
    for (let round = 0; round < 20; round++) {
      const { statusCode } = await send(`${url}/sign`, {
        method: 'POST',
        body: JSON.stringify(rawRequest(`${round}`)),
      })
      t.equal(statusCode, 200)
    }
    t.strictSame(childrenOf(Number(child.pid)), [signer], 'it is still the same process')
    child.kill('SIGTERM')
    await once(child, 'exit')
    t.match(
      log,
      /"session":\d+,"returnValue":"EAGAIN","call":"pthread_create".*"msg":"a session cannot be opened"/,
    )
  },
)
