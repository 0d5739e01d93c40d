import { createPublicKey, randomBytes, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import t from 'tap'
import { send } from '../support/http.ts'
import { checkRefusal } from '../support/refusal.ts'
import { startReadyService } from '../support/service.ts'
import { createSigningToken } from '../support/token.ts'

const { environment, publicKey } = await createSigningToken(t.testdir(), { bits: 3072 })
const key = createPublicKey(readFileSync(publicKey))
// The deadline is another test's; here a slow machine shall not meet it
const service = await startReadyService(t, { ...environment, HSM_TIMEOUT_MS: '60000' })

async function sign(agent?: Agent) {
  const data = randomBytes(64)
  const body = JSON.stringify({ action: 'sign', data_to_be_signed: data.toString('base64') })
  const options = { method: 'POST', body, ...(agent ? { agent } : {}) }
  return { data, answer: await send(`${service.url}/sign`, options) }
}

t.test('of 1,000 requests at once each is signed, or told to come back', async (t) => {
  t.equal(service.configuration.hsm.queueLimit, 256, 'the default')
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const answers = await Promise.all(Array.from({ length: 1000 }, () => sign(agent)))
  t.equal(answers.length, 1000)
  const signed = answers.filter(({ answer }) => answer.statusCode === 200)
  t.ok(
    signed.every(({ data, answer }) => verify('sha256', data, key, answer.body)),
    'every signature verifies',
  )
  t.ok(signed.length >= 256, 'at least as many as the queue holds')
  const busy = answers.filter(({ answer }) => answer.statusCode === 503)
  t.equal(signed.length + busy.length, 1000, 'nothing else is answered')
  t.ok(
    busy.every(({ answer }) => answer.json().code === 'HSM_BUSY' && answer.headers['retry-after'] === '1'),
    'with Retry-After',
  )
  const [first] = busy
  if (first) {
    const message = 'More is asked for than the HSM signs in time; try again in a moment'
    checkRefusal(t, first.answer, { statusCode: 503, code: 'HSM_BUSY', message })
  }
  t.comment(`${signed.length} signed, ${busy.length} told to come back`)
  t.equal((await sign()).answer.statusCode, 200, 'afterwards it signs')
})

t.test('eight requests are signed on both sessions at once while /health/live answers', async (t) => {
  const end = Date.now() + 30_000
  let mostBusy = 0
  for (;;) {
    const all = Promise.all(Array.from({ length: 8 }, () => sign()))
    const [live, ready] = await Promise.all([
      send(`${service.url}/health/live`),
      send(`${service.url}/health/ready`),
    ])
    t.equal(live.statusCode, 200)
    t.equal(ready.statusCode, 200)
    const { sessions } = ready.json().hsm as { sessions: { busy: number } }
    mostBusy = Math.max(mostBusy, sessions.busy)
    for (const { data, answer } of await all) {
      t.ok(answer.statusCode === 200 && verify('sha256', data, key, answer.body))
    }
    if (mostBusy === 2 || Date.now() > end) {
      break
    }
  }
  t.equal(mostBusy, 2, 'both sessions were seen at work')
})
