/** A signer process that may start few threads. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'
import t from 'tap'
import { whyNotApart } from '../../support/apart.ts'
import { send } from '../../support/http.ts'
import { startLimitedServer } from '../../support/limited-server.ts'
import { childrenOf } from '../../support/process-figures.ts'
import { hsmStatus, rawRequest, until } from '../../support/signing.ts'
import { createSigningToken } from '../../support/token.ts'

/** A user of this test alone, since the limit is that of a user. */
const USER = 23_456
/** Less than the sessions below take. */
const THREADS = 64

t.test(
  'sessions for which there is no thread leave the others as they are',
  { skip: whyNotApart() },
  async (t) => {
    const directory = t.testdir()
    const { environment } = await createSigningToken(directory)
    execFileSync('chown', ['-R', `${USER}:${USER}`, directory])
    execFileSync('chmod', ['a+x', dirname(directory)])
    const limited = { ...environment, HSM_SESSIONS: '48' }
    const { child, url, log } = await startLimitedServer(t, `--nproc=${THREADS}`, limited, USER)
    await until('a thread is missing', () => log().includes('"returnValue":"EAGAIN"'))
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
      log(),
      /"session":\d+,"returnValue":"EAGAIN","call":"pthread_create".*"msg":"a session cannot be opened"/,
    )
  },
)
