/** The service whose HTTP process and signer process have users of their own, as operators see it. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { dirname, join, relative } from 'node:path'
import t, { type Test } from 'tap'
import { giveToken, USER_VARIABLES, USERS, whyNotApart } from './support/apart.ts'
import { issue } from './support/certificates.ts'
import { childrenOf } from './support/process-figures.ts'
import { programPath } from './support/programs.ts'
import { afterReload, signsWith } from './support/reload.ts'
import { repositoryPath } from './support/repository.ts'
import { ACCESS_KEY, REGION, SECRET_ID, startSecretsManager, version } from './support/secrets-manager.ts'
import { type ServerProcess, startReadyServerProcess, startServerProcess } from './support/server-process.ts'
import { createSignersFolder } from './support/signers.ts'
import { isRunning, until } from './support/signing.ts'
import { PIN } from './support/token.ts'

const skip = whyNotApart()
if (skip !== false) {
  t.plan(0, skip)
  process.exit()
}

const folder = await createSignersFolder(t.testdir())
const house = await folder.addKey('house')
folder.write(['house'])
giveToken(folder.directory, folder.environment)
const { HSM_PIN_FILE = '' } = folder.environment
const environment: Record<string, string> = {
  ...folder.environment,
  ...USER_VARIABLES,
  SIGNERS_RELOAD_INTERVAL_MS: '0',
  HSM_TIMEOUT_MS: '60000',
}

interface Processes {
  readonly http: number
  readonly signer: number
}

function processesOf({ child }: Pick<ServerProcess, 'child'>): Processes {
  const children = childrenOf(child.pid as number)
  const find = (part: string) =>
    children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(part)) as number
  return { http: find('/server'), signer: find('/process/entry') }
}

/** Returns the ids of a process: those of its user and group, its groups, and the capabilities that it could use. */
function idsOf(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const [uids, gids, groups, capabilities] = ['Uid', 'Gid', 'Groups', 'CapPrm'].map((name) =>
    new RegExp(`^${name}:(.*)$`, 'm').exec(status)?.[1]?.trim().split('\t'),
  )
  return { uids, gids, groups, capabilities }
}

function idsOfUser({ uid, gid }: { readonly uid: number; readonly gid: number }) {
  const four = (id: number) => Array(4).fill(`${id}`)
  return { uids: four(uid), gids: four(gid), groups: [''], capabilities: ['0000000000000000'] }
}

/** Tries to open a file as the user of the HTTP process. Returns the code of the error. */
function tryToOpen(path: string, flags: string): string {
  const code = `
    const { closeSync, openSync } = require('node:fs')
    try { closeSync(openSync(${JSON.stringify(path)}, '${flags}')); console.log('opened') }
    catch ({ code }) { console.log(code) }`
  return `${spawnSync(process.execPath, ['-e', code], { ...USERS.http, env: {} }).stdout}`.trim()
}

/** Kills the signer process, and waits until another one signs. */
async function replaceSignerProcess(server: ServerProcess): Promise<void> {
  const count = () => server.output().split('"msg":"the HSM signs"').length
  const before = count()
  process.kill(processesOf(server).signer, 'SIGKILL')
  await until('another signs', () => count() > before)
}

async function allEnd(t: Test, { http, signer }: Processes): Promise<void> {
  await until('none is left', () => !isRunning(http) && !isRunning(signer))
  t.pass('none is left')
}

t.test('each process has its user, and no other group and no capability', async (t) => {
  const server = await startReadyServerProcess(t, environment)
  t.equal(await signsWith(server.address, 'house'), house.certificate.serialNumber)
  const { http, signer } = processesOf(server)
  t.strictSame(idsOf(http), idsOfUser(USERS.http))
  t.strictSame(idsOf(signer), idsOfUser(USERS.hsm))

  t.test('the user of the HTTP process gets at no PIN', async (t) => {
    t.equal(tryToOpen(HSM_PIN_FILE, 'r'), 'EACCES')
    for (const file of ['mem', 'environ', 'fd/3', 'maps']) {
      t.equal(tryToOpen(`/proc/${signer}/${file}`, 'r'), 'EACCES', file)
    }
    t.equal(tryToOpen(`/proc/${http}/status`, 'r'), 'opened', 'which others are')
    const environ = readFileSync(`/proc/${http}/environ`, 'latin1')
    t.ok(environ.includes('HSM_PIN_FILE=') && !environ.includes(PIN))
    const files = readdirSync(`/proc/${http}/fd`).map((fd) => readlinkSync(`/proc/${http}/fd/${fd}`))
    t.notOk(files.includes(HSM_PIN_FILE), 'which it has not open either')
  })

  t.test('a signer process that was killed has another in its place', async (t) => {
    await replaceSignerProcess(server)
    t.equal(await signsWith(server.address, 'house'), house.certificate.serialNumber)
    t.match(server.output(), /the signer process ended \(signal SIGKILL\)/)
    t.strictSame(idsOf(processesOf(server).signer), idsOfUser(USERS.hsm))
  })

  t.test('SIGHUP has another signer taken over', async (t) => {
    const contracts = await folder.addKey('contracts')
    folder.write(['house', 'contracts'])
    giveToken(folder.directory, folder.environment)
    const outcome = await afterReload({ log: server.output }, () => server.child.kill('SIGHUP'))
    t.equal(outcome, 'taken over')
    t.equal(await signsWith(server.address, 'contracts'), contracts.certificate.serialNumber)
  })

  t.test('a signers file that is wrong takes away nothing, though the signer process ends', async (t) => {
    const file = folder.path('signers.json')
    const right = readFileSync(file)
    writeFileSync(file, '{"default": "house"')
    await replaceSignerProcess(server)
    t.equal(await signsWith(server.address, 'house'), house.certificate.serialNumber)
    writeFileSync(file, right)
  })

  t.test('SIGTERM ends all of them', async (t) => {
    const processes = processesOf(server)
    server.child.kill('SIGTERM')
    t.same(await server.exited, { code: 0, signal: null })
    t.match(server.output(), /"signal":"SIGTERM"[^\n]*told to end/)
    t.match(server.output(), /"msg":"closed"/)
    t.notOk(isRunning(processes.http) || isRunning(processes.signer))
  })
})

t.test(
  'a signer process that was killed has another in its place where no setting names the token',
  async (t) => {
    const { HSM_TOKEN_LABEL: _, ...rest } = environment
    const server = await startReadyServerProcess(t, rest)
    t.equal(await signsWith(server.address, 'house'), house.certificate.serialNumber)
    await replaceSignerProcess(server)
    t.equal(await signsWith(server.address, 'house'), house.certificate.serialNumber)
  },
)

t.test(
  'a PIN that is a secret of AWS is read by HSM_USER alone, as are the credentials for it',
  async (t) => {
    const manager = await startSecretsManager(t, version('1', PIN))
    const { HSM_PIN_FILE: _, ...withoutPin } = environment
    const server = await startReadyServerProcess(t, {
      ...withoutPin,
      ...manager.environment,
      HSM_PIN_SECRET_ID: SECRET_ID,
    })
    t.equal(await signsWith(server.address, 'house'), house.certificate.serialNumber)
    t.strictSame(manager.asked, [`${REGION} ${SECRET_ID}`])
    const { http, signer } = processesOf(server)
    const credentialsOf = (pid: number) =>
      readFileSync(`/proc/${pid}/environ`, 'latin1')
        .split('\0')
        .filter((variable) => variable.startsWith('AWS_ACCESS_KEY_ID='))
    t.strictSame(credentialsOf(signer), [`AWS_ACCESS_KEY_ID=${ACCESS_KEY}`])
    t.strictSame(credentialsOf(http), [])
    t.equal(await afterReload({ log: server.output }, () => server.child.kill('SIGHUP')), 'taken over')
  },
)

t.test('the HTTP process records decisions in a folder of its own', async (t) => {
  const audit = folder.path('audit')
  mkdirSync(audit)
  chownSync(audit, USERS.http.uid, USERS.http.gid)
  const file = folder.path('audit/audit.jsonl')
  const server = await startReadyServerProcess(t, { ...environment, AUDIT_FILE: file })
  t.equal(await signsWith(server.address, 'house'), house.certificate.serialNumber)
  t.match(readFileSync(file, 'utf8'), /"kind":"decision"[^\n]*"outcome":"signed"/)

  t.test('and HSM_USER runs commands without what is for the HTTP process alone', async (t) => {
    const { certificateFile, keyFile } = issue(folder.directory, { subject: '/CN=localhost' })
    chmodSync(dirname(certificateFile), 0o755)
    const users = folder.path('users.json')
    writeFileSync(users, '{ "users": [] }')
    for (const path of [keyFile, users]) {
      chmodSync(path, 0o400)
      chownSync(path, USERS.http.uid, USERS.http.gid)
    }
    const run = (more: Readonly<Record<string, string>>, ...args: string[]) => {
      const env = { ...process.env, ...environment, AUDIT_FILE: file, REVOCATION_CHECK: 'off', ...more }
      const { status, stdout, stderr } = spawnSync(process.execPath, [programPath('cli/main'), ...args], {
        ...USERS.hsm,
        env,
        timeout: 60_000,
      })
      return { status, stdout: `${stdout}`, stderr: `${stderr}` }
    }
    const files = {
      ...{ TLS_CERT_FILE: certificateFile, TLS_KEY_FILE: keyFile },
      ...{ ACCESS: 'tokens', ACCESS_FILE: users },
    }
    const check = run(files, 'check', '--signer', 'house')
    t.match(check.stdout, /configuration +in order; .*not checked, as user 2 may not use the files: /)
    t.match(check.stdout, /files: ACCESS_FILE, TLS_KEY_FILE, AUDIT_FILE;/)
    t.match(check.stdout, /\nok +test signature /)
    t.not(check.status, 78)
    const document = folder.path('document')
    writeFileSync(document, 'a document')
    const { status, stdout, stderr } = run(files, 'sign', document, '--signer', 'house', '--pem')
    t.equal(status, 0, stderr)
    const verify = ['cms', '-verify', '-binary', '-noverify', '-inform', 'PEM', '-content', document]
    t.equal(spawnSync('openssl', verify, { input: stdout }).status, 0)

    // A file that HSM_USER may read has to be right. Without HSM_USER the command needs all files, as the service does
    writeFileSync(users, '{ "users": 1 }')
    chmodSync(users, 0o444)
    t.match(run(files, 'check').stdout, /configuration +ACCESS_FILE \/users: 1 is not valid/)
    const one = run({ ...files, HSM_USER: '', SIGNING_SERVICE_USER: '' }, 'check')
    t.equal(one.status, 78)
    t.match(one.stdout, /TLS_KEY_FILE: .* cannot be read \(EACCES: .*AUDIT_FILE: .* may not write to/)
  })
})

t.test('each can be started at any priority, and the signer process has a lower one', async (t) => {
  for (const [given, lower] of [
    [10, 14],
    [18, 19],
  ] as const) {
    setPriority(given)
    const server = await startReadyServerProcess(t, environment)
    setPriority(0)
    const { http, signer } = processesOf(server)
    t.strictSame([http, signer].map(getPriority), [given, lower])
    server.child.kill('SIGTERM')
    await server.exited
  }
})

t.test('SIGINT ends all of them, too', async (t) => {
  const server = await startReadyServerProcess(t, environment)
  server.child.kill('SIGINT')
  t.same(await server.exited, { code: 0, signal: null })
})

t.test('where the HTTP process is killed, all end', async (t) => {
  const server = await startReadyServerProcess(t, environment)
  const processes = processesOf(server)
  process.kill(processes.http, 'SIGKILL')
  t.same(await server.exited, { code: 128 + 9, signal: null })
  t.match(server.output(), /"level":60,[^\n]*"signal":"SIGKILL","msg":"a signal ended the HTTP process/)
  t.notOk(isRunning(processes.http) || isRunning(processes.signer))
})

t.test('where the HTTP process is killed, a signer process that hangs is, too', async (t) => {
  const server = await startReadyServerProcess(t, environment)
  const processes = processesOf(server)
  process.kill(processes.signer, 'SIGSTOP')
  process.kill(processes.http, 'SIGKILL')
  t.same(await server.exited, { code: 128 + 9, signal: null })
  t.notOk(isRunning(processes.signer))
})

t.test('where the parent is killed, all end', async (t) => {
  const server = await startReadyServerProcess(t, environment)
  const processes = processesOf(server)
  server.child.kill('SIGKILL')
  await allEnd(t, processes)
  t.match(server.output(), /"msg":"closed"/, 'what was in flight was finished')
})

t.test('where the parent went while the HTTP process was loaded, that ends', async (t) => {
  const server = programPath('server')
  const env = { ...process.env, ...environment, SIGNING_SERVICE_HOST: '127.0.0.1' }
  const { status, stdout } = spawnSync(process.execPath, [server, 'apart'], { ...USERS.http, env })
  t.equal(status, 1)
  t.match(`${stdout}`, /"msg":"the signing service starts"/)
  t.notMatch(`${stdout}`, /Server listening/)
})

t.test('it does not start', async (t) => {
  const refuses = (name: string, change: Record<string, string>, message: RegExp) =>
    t.test(name, async (t) => {
      const { exited, output } = startServerProcess(t, { ...environment, ...change })
      t.same(await exited, { code: 78, signal: null })
      t.match(output(), message)
    })
  refuses(
    'without the other user',
    { SIGNING_SERVICE_USER: '' },
    /"variable":"SIGNING_SERVICE_USER".*is required/,
  )
  const readable = folder.path('readable-pin')
  writeFileSync(readable, PIN, { mode: 0o444 })
  refuses(
    'with a PIN that the HTTP process may read',
    { HSM_PIN_FILE: readable },
    /"HSM_PIN_FILE: [^ ]+readable-pin is readable for user 65534/,
  )
  /** Copies the service, and starts it from there. */
  const server = relative(repositoryPath('.'), programPath('server'))
  const copyService = (to: string) => {
    for (const part of [dirname(server), 'dist/schemas', 'package.json']) {
      cpSync(repositoryPath(part), join(to, part), { recursive: true })
    }
  }
  const startCopy = (t: Test, from: string) =>
    startServerProcess(t, environment, { module: join(from, server), args: [], cwd: process.cwd() })

  t.test('with a program that the users may not read, as below /root', async (t) => {
    const closed = folder.path('closed')
    mkdirSync(closed, { mode: 0o700 })
    copyService(closed)
    symlinkSync(repositoryPath('node_modules'), join(closed, 'node_modules'))
    const { exited, output } = startCopy(t, closed)
    t.same(await exited, { code: 78, signal: null })
    for (const variable of ['HSM_USER', 'SIGNING_SERVICE_USER']) {
      t.match(
        output(),
        new RegExp(`"${variable}: cannot read [^ ]+/closed/${server}: the user must be able to`),
      )
    }
    t.notMatch(output(), / at file:/)
  })
  t.test('with code that the HTTP process may change', async (t) => {
    const open = folder.path('open')
    copyService(open)
    // It has one package of its own, and links to all others
    for (const name of readdirSync(repositoryPath('node_modules'))) {
      mkdirSync(join(open, 'node_modules'), { recursive: true })
      if (name !== 'pkcs11js')
        symlinkSync(repositoryPath('node_modules', name), join(open, 'node_modules', name))
    }
    cpSync(repositoryPath('node_modules/pkcs11js'), join(open, 'node_modules/pkcs11js'), { recursive: true })
    for (const file of [
      join(dirname(server), 'pkcs11/process/entry.js'),
      'package.json',
      'node_modules/pkcs11js/index.js',
    ]) {
      chownSync(join(open, file), USERS.http.uid, USERS.http.gid)
      const { exited, output } = startCopy(t, open)
      t.same(await exited, { code: 78, signal: null })
      t.match(output(), new RegExp(`"SIGNING_SERVICE_USER: [^ ]+/open/${file} is writable for user 65534`))
      chownSync(join(open, file), 0, 0)
    }
    const started = startCopy(t, open)
    await started.url
    started.child.kill('SIGTERM')
    t.same(await started.exited, { code: 0, signal: null })
  })
  const runServer = (command: string, ...args: string[]) =>
    spawnSync(command, [...args, programPath('server')], {
      env: { ...process.env, ...environment, SIGNING_SERVICE_HOST: '127.0.0.1' },
      timeout: 60_000,
    })
  t.test('with a Node.js that the users may not run', async (t) => {
    const node = folder.path('node')
    copyFileSync(process.execPath, node)
    chmodSync(node, 0o700)
    const { status, stdout, stderr } = runServer(node)
    t.equal(status, 78)
    t.match(`${stdout}`, /"HSM_USER: cannot run [^ ]+\/node \(EACCES\): the user must be able to/)
    t.equal(`${stderr}`, '')
  })
  t.test('where the process may not become another user', async (t) => {
    const { status, stdout } = runServer('setpriv', '--bounding-set', '-setuid,-setgid', process.execPath)
    t.equal(status, 78)
    t.match(
      `${stdout}`,
      /"HSM_USER: this process may not become another user \(EPERM\): it needs the capabilities SETUID/,
    )
  })
  t.test('with the PIN in place of its file, which is told nowhere', async (t) => {
    const { exited, output } = startServerProcess(t, { ...environment, HSM_PIN_FILE: PIN })
    t.same(await exited, { code: 78, signal: null })
    t.match(output(), /"HSM_PIN_FILE: does not exist; its path must begin with/)
    t.notMatch(output(), PIN)
  })
  t.test('but with a PIN in a folder that only HSM_USER may enter it does', async (t) => {
    const entered = folder.path('entered')
    mkdirSync(entered, { mode: 0o700 })
    copyFileSync(HSM_PIN_FILE, join(entered, 'pin'))
    for (const path of [entered, join(entered, 'pin')]) {
      chownSync(path, USERS.hsm.uid, USERS.hsm.gid)
    }
    const hidden = { ...environment, HSM_PIN_FILE: join(entered, 'pin') }
    const { address } = await startReadyServerProcess(t, hidden)
    t.equal(await signsWith(address, 'house'), house.certificate.serialNumber)
  })
  const hidden = folder.path('hidden-pin')
  writeFileSync(hidden, PIN, { mode: 0o400 })
  refuses(
    'with a PIN that HSM_USER may not read',
    { HSM_PIN_FILE: hidden },
    /"HSM_PIN_FILE: [^ ]+hidden-pin cannot be read \(EACCES: user 2 may not read it/,
  )
})
