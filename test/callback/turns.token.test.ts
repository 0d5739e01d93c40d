/** Callers and signers that share a token, while one of them asks for more than it signs. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createToken } from '../../src/access/user-token.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { send } from '../support/http.ts'
import { startIdleService } from '../support/service.ts'
import { createSignersFolder } from '../support/signers.ts'
import { hsmStatus, rawRequest, until } from '../support/signing.ts'

const directory = t.testdir()
const folder = await createSignersFolder(directory)
await folder.addKey('house', 'rsa')
await folder.addKey('contracts', 'rsa')
folder.write(['house', 'contracts'])
const module = await createFaultyModule(directory, folder.environment)
const [alice, bob] = await Promise.all([createToken(), createToken()])
const accessFile = join(directory, 'access.json')
const users = [
  { name: 'alice', ...alice.kept },
  { name: 'bob', ...bob.kept },
]
writeFileSync(accessFile, JSON.stringify({ users }))

const QUEUE = 4

/** A service with one session, and places for four requests beside the one that it signs. */
async function start(t: Test, variables: Record<string, string>) {
  const service = await startIdleService(t, {
    ...module.environment,
    ...{
      HSM_SESSIONS: '1',
      HSM_QUEUE_LIMIT: `${QUEUE}`,
      HSM_TIMEOUT_MS: '600000',
    },
    ...variables,
  })
  /** The answers so far, in their order. */
  const answered: string[] = []
  const ask = async (name: string, { signer = 'house', token }: { signer?: string; token?: string }) => {
    const body = { ...rawRequest(name), ...(token && { signing_token: token }) }
    const answer = await send(`${service.url}/sign/${signer}`, { method: 'POST', body: JSON.stringify(body) })
    answered.push(`${name}: ${answer.statusCode === 200 ? 'signed' : answer.json().code}`)
  }
  return { ...service, answered, ask }
}

/** One asks until the queue is full; another one asks once; then the HSM goes on. */
async function flood(
  t: Test,
  { url, answered, ask }: Awaited<ReturnType<typeof start>>,
  many: { signer?: string; token?: string },
  one: { signer?: string; token?: string },
) {
  module.plan('C_Sign hold')
  t.teardown(() => module.plan())
  const asked = [ask('many', many)]
  await until('it is signed', async () => (await hsmStatus(url)).sessions.busy === 1)
  for (let waiting = 1; waiting <= QUEUE; waiting++) {
    asked.push(ask('many', many))
    await until('it waits', async () => (await hsmStatus(url)).queued === waiting)
  }
  t.same(answered, [], 'who is alone has the whole queue')
  await ask('many', many)
  t.same(answered, ['many: HSM_BUSY'])
  asked.push(ask('one', one))
  await until('another one has a place', () => answered.length === 2)
  t.same(answered, ['many: HSM_BUSY', 'many: HSM_BUSY'])
  t.equal((await hsmStatus(url)).queued, QUEUE)
  module.plan()
  await Promise.all(asked)
  t.same(answered.slice(2).sort(), [...Array(4).fill('many: signed'), 'one: signed'])
  t.ok(
    answered.indexOf('one: signed') < answered.lastIndexOf('many: signed'),
    `its turn came before: ${answered}`,
  )
}

t.test('callers take turns', async (t) => {
  const service = await start(t, { ACCESS: 'tokens', ACCESS_FILE: accessFile })
  await flood(t, service, { token: alice.token }, { token: bob.token })
})

t.test('where everybody may call, signers take turns', async (t) => {
  await flood(t, await start(t, {}), { signer: 'house' }, { signer: 'contracts' })
})
