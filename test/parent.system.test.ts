/** A HTTP process that was broken into asks the parent, and the signer processes, for what they must not do. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { explainEnd, permissionFlags } from '../src/parent.ts'
import type { FromSignerProcess } from '../src/pkcs11/messages.ts'
import { giveToken, USER_VARIABLES, USERS, whyNotApart } from './support/apart.ts'
import { createSigningToken } from './support/token.ts'

t.test('permissions are asked of Node.js as far as it has them', async (t) => {
  t.strictSame(permissionFlags(undefined, new Set()), [])
  t.strictSame(permissionFlags(undefined, new Set(['--allow-fs-read'])), [])
  t.strictSame(permissionFlags(undefined, new Set(['--permission', '--allow-fs-read'])), [
    '--permission',
    '--allow-fs-read=*',
  ])
  t.strictSame(permissionFlags(undefined, new Set(['--permission', '--allow-fs-read', '--allow-net'])), [
    ...['--permission', '--allow-fs-read=*', '--allow-net'],
  ])
  const recording = ['--permission', '--allow-fs-read', '--allow-fs-write', '--allow-child-process']
  t.strictSame(permissionFlags('/var/lib/audit', new Set(recording)), [
    ...['--permission', '--allow-fs-read=*', '--allow-fs-write=/var/lib/audit', '--allow-child-process'],
  ])
})

t.test('why a user cannot run the service', async (t) => {
  const withCode = (code: string) => ({
    status: null,
    signal: null,
    error: Object.assign(new Error(), { code }),
  })
  t.match(explainEnd({ status: 1, signal: null }, '/s.js'), /^cannot read \/s\.js: .* below \/root$/)
  t.match(explainEnd(withCode('EACCES'), '/s.js'), /^cannot run \/[^ ]+ \(EACCES\): .* below \/root$/)
  t.match(explainEnd(withCode('ENOENT'), '/s.js'), /^cannot run \/[^ ]+ \(ENOENT\): .* below \/root$/)
  t.match(explainEnd(withCode('EAGAIN'), '/s.js'), /^cannot run \/[^ ]+ \(EAGAIN\)$/)
  t.match(explainEnd({ status: null, signal: 'SIGKILL' }, '/s.js'), /^cannot run \/[^ ]+ \(SIGKILL\)$/)
  t.match(explainEnd(withCode('EPERM'), '/s.js'), /needs the capabilities SETUID, SETGID and KILL$/)
})

const skip = whyNotApart()
const extension = extname(import.meta.filename)
const module = (path: string) => JSON.stringify(new URL(`../src/${path}${extension}`, import.meta.url))

/** Loaded by programs that stand for a HTTP process that was broken into. */
const ATTACKER = `
  import { startByParent } from ${module('pkcs11/pool/starting')}
  import { encodeMessage, readMessages } from ${module('pkcs11/frames')}

  export { encodeMessage }

  /** Starts a signer process, and collects what it says. */
  export async function start(sessions = 1) {
    const { channels, ended, kill } = startByParent(sessions)
    const [main, ...others] = await Promise.race([channels, ended.then(() => [])])
    const said = []
    let heard = () => {}
    const hear = (message) => {
      if (message.type === 'login-wanted') main.write(encodeMessage({ type: 'login-allowed' }))
      said.push(message)
      heard()
    }
    if (main) readMessages(main, hear, () => {}, 1e9)
    return {
      main, others, ended, kill, said,
      tell: (message) => main.write(encodeMessage(message)),
      async hear(type) {
        while (!said.some((message) => message.type === type)) await new Promise((resolve) => { heard = resolve })
        return said.find((message) => message.type === type)
      },
    }
  }

  export function end(result) {
    console.log(JSON.stringify(result))
    process.exit(0)
  }
`

/** Stands for the entry of the service: it runs the parent, and has it do as \`PARENT\` says. */
const PARENT = `
  import { pathToFileURL } from 'node:url'
  import { runParent } from ${module('parent')}
  const users = JSON.parse(process.env.USERS)
  const running = runParent(users, pathToFileURL(process.argv[2]))
  if (process.env.BREAK) process.execPath = process.env.BREAK
  const { code, signal } = await running
  process.exit(code)
`

const directory = t.testdir({ 'attacker.mjs': ATTACKER, 'parent.mjs': PARENT })
const { environment } =
  skip === false ? await createSigningToken(join(directory, 'token')) : { environment: {} }
if (skip === false) {
  giveToken(directory, environment)
}
const { HSM_MODULE, HSM_PIN_FILE, HSM_TOKEN_LABEL } = environment as Record<string, string>
const ACCESS = { module: HSM_MODULE, token: { label: HSM_TOKEN_LABEL }, pin: { file: HSM_PIN_FILE } }

/** Limits the file descriptors of a program. */
const LIMIT = ['-c', 'ulimit -n "$0" && exec "$@"']

/**
 * Runs a program in place of the HTTP process.
 *
 * @param descriptors most file descriptors that it, and the parent, may have
 * @returns what it hands to \`end\`, and what was printed to stderr
 */
async function attack(
  t: Test,
  program: string,
  change: Record<string, string> = {},
  descriptors = 8_192,
): Promise<{ result: unknown; stderr: string }> {
  const folder = t.testdir({
    'http.mjs': `
      import { encodeMessage, end, start } from ${JSON.stringify(join(directory, 'attacker.mjs'))}
      const ACCESS = ${JSON.stringify(ACCESS)}
      ${program}`,
  })
  const parent = spawn(
    'sh',
    [
      ...[...LIMIT, `${descriptors}`, process.execPath],
      ...[join(directory, 'parent.mjs'), join(folder, 'http.mjs')],
    ],
    {
      env: { ...process.env, ...environment, ...USER_VARIABLES, USERS: JSON.stringify(USERS), ...change },
    },
  )
  t.teardown(() => parent.kill('SIGKILL'))
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(parent.stdout),
    text(parent.stderr),
    once(parent, 'exit'),
  ])
  t.same({ code, signal }, { code: 0, signal: null }, stderr)
  return { result: JSON.parse(stdout), stderr }
}

const OPEN = `{ type: 'open', access: ACCESS, keys: [{ selector: {}, certificateOnToken: false }] }`

t.test('a token of the configuration is opened', { skip }, async (t) => {
  const { result } = await attack(
    t,
    `
    const signer = await start()
    signer.tell(${OPEN})
    const opened = await signer.hear('opened')
    end({ uid: process.getuid(), opened })`,
  )
  const { uid, opened } = result as {
    uid: number
    opened: Extract<FromSignerProcess, { type: 'opened' }>
  }
  t.equal(uid, USERS.http.uid)
  t.equal(opened.token.label, HSM_TOKEN_LABEL)
})

t.test('a long list of tokens reaches each of several signer processes', { skip }, async (t) => {
  const signers = Object.fromEntries(
    Array.from({ length: 1_000 }, (_, index) => [
      `s${index}`,
      index === 0 ? {} : { token: { label: `t${index}` } },
    ]),
  )
  const file = join(directory, 'signers.json')
  writeFileSync(file, JSON.stringify({ default: 's0', signers }))
  const { result } = await attack(
    t,
    `
    const told = []
    for (let count = 0; count < 4; count++) {
      const signer = await start()
      signer.tell(${OPEN})
      told.push(await Promise.race([signer.hear('opened'), signer.ended]))
    }
    end(told)`,
    { SIGNERS_FILE: file },
  )
  t.match(result, Array(4).fill({ type: 'opened' }))
})

t.test(
  'no other library is loaded, no other PIN is told, and no other parameters are',
  { skip },
  async (t) => {
    const changes: Record<string, object> = {
      library: { module: '/tmp/evil.so' },
      parameters: { moduleParameters: 'configdir=/tmp' },
      token: { token: {} },
      'PIN file': { pin: { file: '/etc/shadow' } },
      'PIN of a variable': { pin: { variable: 'HSM_PIN' } },
      'PIN of a secret': { pin: { secretId: 'signing/another-pin' } },
    }
    const { result } = await attack(
      t,
      `
    const failures = {}
    for (const [name, change] of Object.entries(${JSON.stringify(changes)})) {
      const signer = await start()
      signer.tell({ ...${OPEN}, access: { ...ACCESS, ...change } })
      failures[name] = (await signer.hear('open-failed')).failure
      signer.tell({ type: 'close' })
      await signer.ended
    }
    end(failures)`,
    )
    for (const name of Object.keys(changes)) {
      t.match((result as Record<string, object>)[name], {
        kind: 'unavailable',
        message: /is not, with this token and PIN, in the configuration that the parent has read/,
      })
    }
  },
)

t.test('an open token is not opened again, and no session reads what is not its own', { skip }, async (t) => {
  const { result } = await attack(
    t,
    `
    const signer = await start(2)
    signer.tell(${OPEN})
    await signer.hear('opened')
    signer.tell(${OPEN})
    for (const session of [-1, 0.5, 2, 99, '0', null, 0, 0]) {
      signer.tell({ type: 'start', order: { type: 'reopen', session, ticket: 1, key: 0 } })
    }
    signer.tell({ type: 'find-keys', keys: [0] })
    await signer.hear('keys-found')
    const answer = await new Promise((resolve) => signer.others[0].once('data', resolve))
    signer.tell({ type: 'close' })
    signer.others[0].end()
    end({ types: signer.said.map(({ type }) => type), answer: answer.toString('latin1'), how: await signer.ended })`,
  )
  t.match(result, {
    types: ['login-wanted', 'login-answered', 'opened', 'keys-found'],
    answer: /"session-opened"/,
    how: 'exit code 0',
  })
})

t.test('what is no message ends the signer process that gets it', { skip }, async (t) => {
  const { result, stderr } = await attack(
    t,
    `
    const signer = await start()
    signer.main.write('this is no message')
    end(await signer.ended)`,
  )
  t.equal(result, 'signal SIGKILL')
  t.match(stderr, /PKCS#11: Error: what was sent is no message/)
})

t.test('the parent starts no more than is ever needed', { skip }, async (t) => {
  const { result } = await attack(
    t,
    `
    const how = []
    for (const sessions of [0, -1, 1.5, 1_000_000, '1', null, { length: 1 }]) {
      how.push(await (await start(sessions)).ended)
    }
    await start()
    const again = new Promise((resolve) => process.on('message', resolve))
    process.send({ type: 'start', id: 8, sessions: 1 })
    how.push((await again).how)
    process.send({ type: 'kill', id: 'unknown' })
    process.send({ type: 'something else' })
    process.send(null)
    process.send('text')
    end([...new Set(how)])`,
  )
  t.strictSame(result, ['the HTTP process asks for what it never needs'])
})

t.test('as many sessions as there can be are handed over in their order', { skip }, async (t) => {
  const { result } = await attack(
    t,
    `
    const signer = await start(1536)
    signer.tell(${OPEN})
    await signer.hear('opened')
    const answers = [0, 700, 1535].map(async (session) => {
      signer.tell({ type: 'start', order: { type: 'reopen', session, ticket: 1, key: 0 } })
      const answer = await new Promise((resolve) => signer.others[session].once('data', resolve))
      return answer.includes('"session":' + session + ',')
    })
    end({ count: signer.others.length, answers: await Promise.all(answers) })`,
  )
  t.strictSame(result, { count: 1536, answers: [true, true, true] })
})

t.test('what the system refuses is told', { skip }, async (t) => {
  const program = 'end(await (await start()).ended)'
  const wrongUser = JSON.stringify({ ...USERS, hsm: { uid: 2 ** 40, gid: 2 } })
  t.equal((await attack(t, program, { USERS: wrongUser })).result, 'ERR_INVALID_ARG_TYPE')
  t.equal((await attack(t, program, { BREAK: '/none/node' })).result, 'ENOENT')
})

t.test('a signer process whose channels have no room is ended', { skip }, async (t) => {
  const { result } = await attack(
    t,
    `
    import { closeSync, openSync } from 'node:fs'
    const files = []
    try {
      for (;;) files.push(openSync('/dev/null'))
    } catch {}
    const signer = start(4)
    const { ended, main } = await signer
    files.forEach(closeSync)
    end({ how: await ended, channels: main !== undefined })`,
    {},
    400,
  )
  t.strictSame(result, { how: 'signal SIGKILL', channels: false })
})
