import {
  chmodSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Users } from '../../src/access/users.ts'
import { loadAccess } from '../../src/configuration/load.ts'
import { runCommand } from '../support/command.ts'

async function authenticate(environment: Record<string, string>, token: string) {
  const { access, problems } = loadAccess({ ...environment, ACCESS: 'tokens' })
  t.same(problems, [])
  if (access.configuration.kind !== 'tokens') {
    throw new Error('there are no users')
  }
  return new Users(access.configuration.users).authenticate({ token: token.trim() })
}

t.test('a user is added with a token that is printed once, listed and removed', async (t) => {
  const file = join(t.testdir(), 'access.json')
  const environment = { ACCESS_FILE: file }
  const added = await runCommand(
    environment,
    ...['user', 'add', 'alice', '--signer', 'a', '--signer', 'b', '--container', 'raw'],
    ...['--hash-algorithm', 'sha512', '--address', '10.0.0.0/8', '--address', '::1'],
  )
  t.equal(added.exitCode, 0, added.stderr)
  t.match(added.stdout, /^[\w-]{12}\.[\w-]{43}\n$/)
  const bob = await runCommand(environment, 'user', 'add', 'bob')
  t.equal(bob.exitCode, 0, bob.stderr)
  t.match(await authenticate(environment, added.stdout), {
    subject: 'alice',
    signers: ['a', 'b'],
    containers: ['raw'],
    hashAlgorithms: ['sha512'],
  })
  t.same(await authenticate(environment, bob.stdout), { subject: 'bob' })
  for (const secret of [added.stdout.trim(), added.stdout.trim().slice(13)]) {
    t.notOk(readFileSync(file, 'utf8').includes(secret))
  }

  const listed = await runCommand(environment, 'user', 'list')
  t.match(listed.stdout, /^NAME +TOKEN +SIGNERS +CONTAINERS +HASH ALGORITHMS +ADDRESSES\n/)
  t.match(listed.stdout, /\nalice +[\w-]{12}\.\.\. +a,b +raw +sha512 +10\.0\.0\.0\/8,::1\n/)
  t.match(listed.stdout, /\nbob +[\w-]{12}\.\.\. +all +all +all +all\n/)
  const json = JSON.parse((await runCommand(environment, 'user', 'list', '--json')).stdout)
  t.strictSame(
    json.map((user: object) => Object.keys(user)),
    [
      ['name', 'tokenId', 'signers', 'containers', 'hashAlgorithms', 'addresses'],
      ['name', 'tokenId'],
    ],
  )

  const twice = await runCommand(environment, 'user', 'add', 'bob')
  t.same([twice.exitCode, twice.stdout], [1, ''])
  t.match(twice.stderr, /there is a user bob already/)
  t.equal((await runCommand(environment, 'user', 'remove', 'alice')).exitCode, 0)
  await t.rejects(authenticate(environment, added.stdout), { code: 'SIGNING_TOKEN_INVALID' })
  t.equal((await runCommand(environment, 'user', 'remove', 'alice')).exitCode, 1)
  t.equal((await runCommand(environment, 'user', 'remove', 'bob')).exitCode, 0)
  t.equal((await runCommand(environment, 'user', 'list')).stdout, 'There are no users.\n')
})

t.test('the file keeps its mode, its owner and its place', async (t) => {
  const directory = t.testdir({ data: {} })
  const file = join(directory, 'data', 'access.json')
  writeFileSync(file, '{"users":[]}')
  chmodSync(file, 0o640)
  const link = join(directory, 'access.json')
  symlinkSync('data/access.json', link)
  t.equal((await runCommand({ ACCESS_FILE: link }, 'user', 'add', 'alice')).exitCode, 0)
  t.equal(statSync(file).mode & 0o777, 0o640)
  t.match(readFileSync(file, 'utf8'), /"name": "alice"/)
  t.same(readdirSync(join(directory, 'data')), ['access.json'])
})

t.test('what cannot be read or written is told, and nothing is changed', async (t) => {
  const directory = t.testdir({ 'access.json': '{"users":[', 'right.json': '{"users":[]}' })
  const file = join(directory, 'access.json')
  const broken = await runCommand({ ACCESS_FILE: file }, 'user', 'add', 'alice')
  t.equal(broken.exitCode, 78)
  t.match(broken.stderr, /^ACCESS_FILE: /)
  t.equal(readFileSync(file, 'utf8'), '{"users":[')
  const unset = await runCommand({}, 'user', 'list')
  t.equal(unset.exitCode, 78)
  t.match(unset.stderr, /^ACCESS_FILE: is required/)

  const right = { ACCESS_FILE: join(directory, 'right.json') }
  const reserved = join(directory, 'right.json.new')
  for (const reserve of [() => writeFileSync(reserved, ''), () => symlinkSync('nowhere', reserved)]) {
    reserve()
    const locked = await runCommand(right, 'user', 'add', 'alice')
    t.equal(locked.exitCode, 1)
    t.match(
      locked.stderr,
      /right\.json\.new cannot be written: another command changes the users, or .* if none runs, remove this file\n$/,
    )
    t.ok(lstatSync(reserved), 'it is left')
    rmSync(reserved)
  }
  t.equal(readFileSync(right.ACCESS_FILE, 'utf8'), '{"users":[]}')
  const nowhere = await runCommand({ ACCESS_FILE: join(directory, 'no/access.json') }, 'user', 'add', 'alice')
  t.equal(nowhere.exitCode, 1)

  symlinkSync('no.json', join(directory, 'link.json'))
  for (const command of [['list'], ['add', 'alice']]) {
    const link = await runCommand({ ACCESS_FILE: join(directory, 'link.json') }, 'user', ...command)
    t.equal(link.exitCode, 78)
    t.match(link, { stdout: '', stderr: /^ACCESS_FILE: .*link\.json does not exist/ })
  }
  t.ok(lstatSync(join(directory, 'link.json')).isSymbolicLink())
  symlinkSync('loop', join(directory, 'loop'))
  const loop = await runCommand({ ACCESS_FILE: join(directory, 'loop/access.json') }, 'user', 'list')
  t.match(loop, { exitCode: 1, stdout: '', stderr: /loop\/access\.json cannot be used: ELOOP/ })
})

t.test('wrong names and restrictions are refused', async (t) => {
  const environment = { ACCESS_FILE: join(t.testdir(), 'access.json') }
  for (const name of ['', 'a b', '-', 'a/b', 'é', 'a'.repeat(65)]) {
    const { exitCode } = await runCommand(environment, 'user', 'add', '--', name)
    t.equal(exitCode, 1, name)
  }
  for (const options of [
    ['--signer', 'a b'],
    ['--container', 'both'],
    ['--hash-algorithm', 'md5'],
    ['--address', '10.0.0.0/33'],
    ['--address', 'localhost'],
  ]) {
    const { exitCode, stderr } = await runCommand(environment, 'user', 'add', 'alice', ...options)
    t.equal(exitCode, 2, options.join(' '))
    t.match(stderr, /It is none of what is expected/)
  }
  t.same(readdirSync(t.testdirName), [])
})

t.test('there is an end of users', async (t) => {
  const file = join(t.testdir(), 'access.json')
  const users = Array.from({ length: 10_000 }, (_, number) => ({
    ...{ name: `user-${number}`, tokenId: String(number).padStart(12, 'A'), check: 'AAA' },
    ...{ salt: 'A'.repeat(22), hash: 'A'.repeat(43) },
  }))
  writeFileSync(file, JSON.stringify({ users }))
  const { exitCode, stderr } = await runCommand({ ACCESS_FILE: file }, 'user', 'add', 'one-more')
  t.equal(exitCode, 1)
  t.match(stderr, /there are 10000 users/)
  t.same(readdirSync(t.testdirName), ['access.json'])
})
