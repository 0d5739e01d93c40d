/** The watch that has each test file fail in which a secret is said: it must be able to find one. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { TextSearch } from './support/secret-watch.ts'
import { formsOf } from './support/secrets.ts'

t.test('one pass finds any of many texts', async (t) => {
  const texts = Array.from({ length: 2_000 }, () => randomBytes(12).toString('base64'))
  const search = new TextSearch()
  for (const [number, text] of texts.entries()) {
    search.add(`${number}`, text)
  }
  const noise = randomBytes(30_000).toString('base64')
  t.equal(search.find(noise), undefined)
  t.equal(search.find(texts.map((text) => text.slice(0, -1)).join()), undefined, 'as a whole')
  for (const [number, text] of texts.slice(0, 50).entries()) {
    const place = number * 700
    const found = search.find(`${noise.slice(0, place)}${text}${noise.slice(place)}`)
    t.strictSame(found, { name: `${number}`, text, place })
  }
})

const WATCH = new URL('./support/secret-watch.js', import.meta.url)
const COMMAND = new URL('./support/command.js', import.meta.url)
const JWT = `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.eyJzdWIiOiJhbGljZSJ9.${'s'.repeat(86)}`

/** Runs statements in a process of their own, as a test file does with helpers. Returns its exit code and what it found. */
function run(...statements: string[]) {
  const script = `const watch = await import('${WATCH}'); ${statements.join('; ')}`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  const found = [...stderr.matchAll(/^A secret \((.+?)\) is in (.+?): /gm)].map(
    ([, name, place]) => `${name} in ${place}`,
  )
  return { status, found }
}

const say = (text: string, place = 'the log') => `watch.lookThrough('${place}', ${JSON.stringify(text)})`
const answer = (method: string, status: number, text: string) =>
  `watch.lookThroughAnswer('${method}', 'http://x/${status}?y', ${status}, Buffer.from(${JSON.stringify(text)}))`
const request = (body: object, authorization = '') =>
  `watch.keepRequest('${authorization}', ${JSON.stringify(JSON.stringify(body))})`

t.test('a process in which a secret was said in any form fails, whatever else it found', async (t) => {
  const secret = 'a secret: "Zoë", 4711'
  const keep = `watch.keepSecret('PIN', ${JSON.stringify(secret)})`
  const forms = formsOf(secret)
  const said = forms.map((form, number) => say(`before ${form} after`, `form ${number}`))
  t.same(run(keep, ...said, 'process.exitCode = 0'), {
    status: 1,
    found: forms.map((_, number) => `PIN in form ${number}`),
  })
  t.same(run(keep, say('the service starts'), answer('POST', 200, secret)), { status: 0, found: [] })
})

t.test('it knows what is secret, and where it must not be', async (t) => {
  const content = randomBytes(60)
  const token = `abcdefghijkl.${randomBytes(32).toString('base64url')}`
  const bearer = `abcdefghijkl.${randomBytes(32).toString('base64url')}`
  const hex = randomBytes(32).toString('hex')
  const signature = 'the end of a signature, which is a little longer than this'
  const cases: [name: string, kept: string, said: string][] = [
    [
      'data_to_be_signed',
      request({ data_to_be_signed: content.toString('base64') }),
      content.toString('hex'),
    ],
    ['digest', request({ digest: hex }), Buffer.from(hex, 'hex').toString('base64')],
    ['signing_token', request({ signing_token: '{"userId":"somebody"}' }), '{"userId":"somebody"}'],
    ['signing_token', request({ signing_token: token }), token.slice(13)],
    ['Authorization', request({}, `Bearer ${bearer}`), bearer],
    ['JWT', `watch.keepToken('JWT', '${JWT}')`, 'eyJzdWIiOiJhbGljZSJ9'],
    ['signature', answer('POST', 200, signature), signature.slice(-48)],
    ['HSM_PIN', "watch.keepEnvironment({ HSM_PIN: 'crypto-user:4711' })", 'crypto-user:4711'],
  ]
  const said = cases.map(([, , secret], number) => say(`before ${secret}`, `the log ${number}`))
  t.same(run(...said), { status: 0, found: [] }, 'none of it where nobody has used it')
  t.same(run(...cases.map(([, kept]) => kept), ...said), {
    status: 1,
    found: cases.map(([name], number) => `${name} in the log ${number}`),
  })
  const keep = "watch.keepSecret('PIN', '4711-4711')"
  const answers = [answer('GET', 200, '4711-4711'), answer('POST', 400, '4711-4711')]
  t.same(run(keep, ...answers).found, [
    'PIN in the answer 200 to GET /200',
    'PIN in the answer 400 to POST /400',
  ])
  const [header = ''] = JWT.split('.')
  t.same(run(`watch.keepToken('JWT', '${JWT}')`, say(header)), { status: 0, found: [] }, 'no header')
})

t.test('it reads what the command prints, but for the token of a new user', async (t) => {
  const at = `{ ACCESS_FILE: '${t.testdir()}/access.json' }`
  const { status, found } = run(
    `const { runCommand } = await import('${COMMAND}')`,
    `const { stdout } = await runCommand(${at}, 'user', 'add', 'application')`,
    say('nothing'),
    'watch.lookThrough("the log", stdout)',
    'watch.keepSecret("name", "application")',
    `await runCommand(${at}, 'user', 'list')`,
  )
  t.equal(status, 1)
  t.strictSame(found, ['token of a user in the log', 'name in stdout of user'])
})
