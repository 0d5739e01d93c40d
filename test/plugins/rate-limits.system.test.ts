/** Limits on signatures in a minute, whose clock is the test's. What the module is asked shows that nothing else is signed. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createToken } from '../../src/access/user-token.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { type Answer, send } from '../support/http.ts'
import { readLog } from '../support/log-lines.ts'
import { checkRefusal } from '../support/refusal.ts'
import { scrape } from '../support/scrape.ts'
import { startIdleService } from '../support/service.ts'
import { createSignersFolder } from '../support/signers.ts'
import { rawRequest, until } from '../support/signing.ts'

const directory = t.testdir()
const folder = await createSignersFolder(directory)
await folder.addKey('house', 'rsa')
await folder.addKey('contracts', 'rsa')
folder.write(['house', 'contracts'])
const module = await createFaultyModule(directory, folder.environment)
const [alice, bob, carol] = await Promise.all([createToken(), createToken(), createToken()])
const accessFile = join(directory, 'access.json')
const users = [
  { name: 'alice', ...alice.kept },
  { name: 'bob', ...bob.kept },
  { name: 'carol', ...carol.kept, containers: ['raw'] },
]
writeFileSync(accessFile, JSON.stringify({ users }))
const TOKENS = { ACCESS: 'tokens', ACCESS_FILE: accessFile }

const RAW = rawRequest('a document')
const CONTAINER = { action: 'sign_pkcs7', encoded_contents: 'AAAA' }

/** A service whose minutes pass when the test says so. */
async function start(t: Test, limits: Record<string, string>) {
  const service = await startIdleService(t, { ...module.environment, ...limits })
  let now = Date.now()
  t.intercept(Date, 'now', { value: () => now })
  const before = module.calls('C_Sign')
  return {
    ...service,
    ask: (signing_token?: string, { body = RAW as object, signer = 'house' } = {}) =>
      send(`${service.url}/sign/${signer}`, {
        method: 'POST',
        body: JSON.stringify({ ...body, ...(signing_token && { signing_token }) }),
      }),
    /** Counts how often the module was asked for a signature. */
    signed: () => module.calls('C_Sign') - before,
    pass(ms: number) {
      now += ms
    },
  }
}

const statuses = (answers: readonly Answer[]) => answers.map(({ statusCode }) => statusCode)

/** Asks one after another, and returns what was answered. */
async function repeat(count: number, ask: () => Promise<Answer>): Promise<number[]> {
  const answers: Answer[] = []
  for (let asked = 0; asked < count; asked++) {
    answers.push(await ask())
  }
  return statuses(answers)
}

t.test('a caller who has had his signatures of a minute', async (t) => {
  const { ask, signed, pass, url, log } = await start(t, { ...TOKENS, RATE_LIMIT_PER_SUBJECT: '3' })
  const { text } = await scrape(url)
  t.same(text.match(/^signing_service_rate_limit_per_minute.*$/gm), [
    'signing_service_rate_limit_per_minute{scope="subject"} 3',
  ])
  t.same(await repeat(3, () => ask(alice.token)), [200, 200, 200])
  pass(20_001)
  const refused = await ask(alice.token, { signer: 'contracts' })

  await t.test('is told when to come back, and nothing is signed', async (t) => {
    checkRefusal(t, refused, {
      statusCode: 429,
      code: 'RATE_LIMITED',
      message: 'This caller may have 3 signatures in a minute, and has had them; try again in 40 s',
    })
    t.equal(refused.headers['retry-after'], '40', 'in whole seconds')
    t.equal((await ask(alice.token, { body: CONTAINER })).statusCode, 429, 'whatever is to be signed')
    t.equal(signed(), 3)
  })

  await t.test('takes nothing from others', async (t) => {
    t.same(await repeat(2, () => ask(bob.token)), [200, 200])
  })

  await t.test('gets certificates', async (t) => {
    t.equal((await ask(alice.token, { body: { action: 'get_certificates' } })).statusCode, 200)
  })

  await t.test('is in the log by name, and in the metrics by the signer', async (t) => {
    await until('it is logged', () => log().includes('RATE_LIMITED'))
    t.match(
      readLog(log()).find(({ code }) => code === 'RATE_LIMITED'),
      { level: 40, statusCode: 429, subject: 'alice', signer: 'contracts' },
    )
    const { text, samples } = await scrape(url)
    const labels = 'signer="contracts",container="raw",hash="sha256",outcome="RATE_LIMITED"'
    t.equal(samples.get(`signing_service_signatures_total{${labels}}`), 1)
    t.notMatch(text, /alice/)
  })

  await t.test('has the next ones when the minute is over', async (t) => {
    pass(39_998)
    t.equal((await ask(alice.token)).headers['retry-after'], '1')
    pass(1)
    t.same(await repeat(4, () => ask(alice.token)), [200, 200, 200, 429])
  })
})

t.test('a minute ends though the clock is set back', async (t) => {
  const { ask, pass } = await start(t, {
    ...TOKENS,
    RATE_LIMIT_PER_SUBJECT: '2',
    RATE_LIMIT_PER_SIGNER: '3',
  })
  t.same(await repeat(3, () => ask(alice.token)), [200, 200, 429])
  pass(-3_600_000)
  t.same(await repeat(3, () => ask(alice.token)), [200, 200, 429], 'another one has begun')
  t.same(await repeat(2, () => ask(bob.token)), [200, 429], 'for the signer too')
  pass(60_000)
  t.same(await repeat(3, () => ask(alice.token)), [200, 200, 429])
})

t.test('what is refused for another reason does not count', async (t) => {
  const { ask } = await start(t, { ...TOKENS, RATE_LIMIT_PER_SUBJECT: '2', RATE_LIMIT_PER_SIGNER: '2' })
  const stranger = `${alice.kept.tokenId}.${bob.token.slice(13)}`
  t.same(await repeat(3, () => ask(stranger)), [401, 401, 401], 'the identifier of a user is no token')
  t.same(await repeat(3, () => ask(carol.token, { body: CONTAINER })), [403, 403, 403])
  t.same(
    await repeat(3, () => ask(carol.token, { body: { ...RAW, hash_algorithm: 'md5' } })),
    [400, 400, 400],
  )
  t.same(await repeat(3, () => ask(carol.token, { body: { action: 'get_certificates' } })), [200, 200, 200])
  t.same(await repeat(1, () => ask(alice.token)), [200])
  t.same(await repeat(1, () => ask(carol.token)), [200])
})

t.test('a signer that has given its signatures of a minute', async (t) => {
  const { ask, signed } = await start(t, {
    ...TOKENS,
    RATE_LIMIT_PER_SUBJECT: '4',
    RATE_LIMIT_PER_SIGNER: '2',
  })
  t.same(await repeat(2, () => ask(alice.token)), [200, 200])
  const refused = await ask(bob.token)

  await t.test('gives nobody another', async (t) => {
    checkRefusal(t, refused, {
      statusCode: 429,
      code: 'RATE_LIMITED',
      message: 'This signer may have 2 signatures in a minute, and has had them; try again in 60 s',
    })
    t.equal(refused.headers['retry-after'], '60')
    t.same(await repeat(5, () => ask(alice.token)), [429, 429, 429, 429, 429])
    t.equal(signed(), 2)
  })

  await t.test('takes nothing from other signers, nor from what its callers may ask of them', async (t) => {
    t.same(await repeat(3, () => ask(alice.token, { signer: 'contracts' })), [200, 200, 429])
  })
})

t.test('a caller who asks too often takes nothing from what the signer may give to others', async (t) => {
  const { ask, signed } = await start(t, {
    ...TOKENS,
    RATE_LIMIT_PER_SUBJECT: '2',
    RATE_LIMIT_PER_SIGNER: '4',
    HSM_TIMEOUT_MS: '60000',
  })
  // All of them wait for the one verification of a token that is new here
  const answers = statuses(await Promise.all(Array.from({ length: 30 }, () => ask(alice.token))))
  t.same(answers.sort(), [200, 200, ...Array(28).fill(429)])
  t.same(await repeat(3, () => ask(bob.token)), [200, 200, 429])
  t.equal(signed(), 4)
})

t.test('where everybody may call, signers have limits', async (t) => {
  const { ask } = await start(t, { RATE_LIMIT_PER_SIGNER: '3' })
  t.same(await repeat(4, () => ask()), [200, 200, 200, 429])
  t.same(await repeat(1, () => ask(undefined, { signer: 'contracts' })), [200])
})

t.test('without limits nobody is refused', async (t) => {
  const { ask } = await start(t, TOKENS)
  t.same([...new Set(await repeat(30, () => ask(alice.token)))], [200])
})
