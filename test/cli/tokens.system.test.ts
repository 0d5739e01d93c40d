import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MAIN, runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { isRunning, until } from '../support/signing.ts'
import { createToken } from '../support/token.ts'

const directory = t.testdir()
const { environment } = await createToken(join(directory, 'token'))
const faulty = await createFaultyModule(directory, environment)
const { HSM_MODULE = '' } = environment

t.test('the tokens are what pkcs11-tool lists', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand({ HSM_MODULE }, 'tokens', '--json')
  t.equal(exitCode, 0, stderr)
  const { library, tokens } = JSON.parse(stdout)
  const listed = execFileSync('pkcs11-tool', ['--module', HSM_MODULE, '--list-slots'], { encoding: 'utf8' })
  const [, serial] = listed.match(/token label +: test\n[\s\S]*?serial num +: (\w+)/) ?? []
  t.match(library, { manufacturer: 'SoftHSM', cryptoki: { major: 2, minor: 40 } })
  t.match(tokens, [
    {
      ...{ slot: 0, label: 'test', serial, manufacturer: 'SoftHSM project', model: 'SoftHSM v2' },
      ...{ hardware: { major: 2 }, firmware: { major: 2 }, initialized: true, loginRequired: true },
      ...{ userPinInitialized: true, userPinCountLow: false, userPinFinalTry: false, userPinLocked: false },
    },
    { slot: 1, initialized: false, userPinInitialized: false },
  ])
})

t.test('for people there is a table', async (t) => {
  const { exitCode, stdout } = await runCommand({}, 'tokens', '--module', HSM_MODULE)
  t.equal(exitCode, 0)
  const [library, blank, header = '', first = '', second = ''] = stdout.split('\n')
  t.match(library, /^Implementation of PKCS11 by SoftHSM, version 2\.\d+, PKCS#11 2\.40$/)
  t.equal(blank, '')
  t.match(header, /^SLOT {2}LABEL +SERIAL +MANUFACTURER +MODEL +HARDWARE +FIRMWARE +STATE$/)
  t.match(first, /^0 {5}test +\w{16} +SoftHSM project +SoftHSM v2 +2\.\d+ +2\.\d+ +ready for login$/)
  t.match(second, /^1 {5}- .* not initialized, no user PIN$/)
  t.equal(first.indexOf('ready'), header.indexOf('STATE'), 'aligned')
})

t.test('a token that fails does not hide the others', async (t) => {
  faulty.plan('C_GetTokenInfo return CKR_DEVICE_ERROR times=1')
  const { exitCode, stdout } = await runCommand(faulty.environment, 'tokens')
  t.equal(exitCode, 0)
  t.match(stdout, /\n0 {5}.* cannot be read: C_GetTokenInfo CKR_DEVICE_ERROR\n1 {5}/)
})

t.test('there is none', async (t) => {
  faulty.plan('C_GetSlotList absent')
  const { exitCode, stdout } = await runCommand(faulty.environment, 'tokens')
  t.equal(exitCode, 0)
  t.match(stdout, /\n\nNo token is present\.\n$/)
})

t.test('only the library has to be configured', async (t) => {
  const { exitCode, stderr } = await runCommand({ HSM_PIN_FILE: '/none', HSM_SESSIONS: 'many' }, 'tokens')
  t.equal(exitCode, 78)
  t.match(stderr, /^HSM_MODULE: is required: path of the PKCS#11 library, for example .*\n$/)
})

t.test('a file that is no library is a matter of the configuration', async (t) => {
  const { exitCode, stderr } = await runCommand({}, 'tokens', '--module', import.meta.filename)
  t.equal(exitCode, 78)
  t.match(stderr, /^HSM_MODULE: \S+ cannot be loaded as a PKCS#11 library: /)
})

t.test('a library that fails', async (t) => {
  faulty.plan('C_Initialize return CKR_GENERAL_ERROR')
  const { exitCode, stdout, stderr } = await runCommand(faulty.environment, 'tokens')
  t.same([exitCode, stdout], [1, ''])
  t.match(
    stderr,
    /^the PKCS#11 library cannot be initialized: C_Initialize CKR_GENERAL_ERROR; most libraries answer so/,
  )
  faulty.plan('C_Initialize return CKR_ARGUMENTS_BAD')
  t.match(
    (await runCommand(faulty.environment, 'tokens')).stderr,
    /CKR_ARGUMENTS_BAD; .* HSM_MODULE_PARAMETERS/,
  )
  faulty.plan('C_Initialize return CKR_HOST_MEMORY')
  t.match(
    (await runCommand(faulty.environment, 'tokens')).stderr,
    /CKR_HOST_MEMORY; look at the library's own log\n$/,
  )
})

t.test('a configuration of the library that is not there', async (t) => {
  faulty.plan()
  const before = process.env.SOFTHSM2_CONF
  process.env.SOFTHSM2_CONF = '/none/softhsm2.conf'
  t.teardown(() => {
    process.env.SOFTHSM2_CONF = before
  })
  const { exitCode, stderr } = await runCommand(environment, 'tokens')
  t.equal(exitCode, 1)
  t.match(stderr, /C_Initialize CKR_GENERAL_ERROR; .*cannot read their configuration.* SOFTHSM2_CONF/)
})

t.test('a library that crashes does not take the command with it', async (t) => {
  faulty.plan('C_GetSlotList crash SIGSEGV')
  const { exitCode, stderr } = await runCommand(faulty.environment, 'tokens')
  t.equal(exitCode, 1)
  t.equal(stderr, 'the process that works on the token ended: SIGSEGV\n')
})

t.test('a library that ends the process', async (t) => {
  // The faulty module gives up on a plan that it does not understand
  faulty.plan('C_GetSlotList nonsense')
  const { exitCode, stderr } = await runCommand(faulty.environment, 'tokens')
  t.equal(exitCode, 1)
  t.equal(stderr, 'the process that works on the token ended: exit code 70\n')
})

t.test('a process that cannot be started', async (t) => {
  const { execPath } = process
  process.execPath = join(directory, 'none')
  const { exitCode, stderr } = await runCommand(environment, 'tokens')
  process.execPath = execPath
  t.equal(exitCode, 1)
  t.match(stderr, /^the process that works on the token cannot be started: spawn .*none ENOENT\n$/)
})

t.test('a library that fails at its end has done its work', async (t) => {
  for (const rule of ['C_Finalize return CKR_GENERAL_ERROR', 'C_Finalize hang']) {
    faulty.plan(rule)
    // The process takes some of that time to start
    const { exitCode, stdout, stderr } = await runCommand(faulty.environment, 'tokens', '--timeout', '10')
    t.same([exitCode, stderr], [0, ''], rule)
    t.match(stdout, /\n0 {5}test /)
  }
})

t.test('a library that hangs does not keep the command', async (t) => {
  faulty.plan('C_Initialize hang')
  const { exitCode, stderr } = await runCommand(faulty.environment, 'tokens', '--timeout', '3')
  t.equal(exitCode, 1)
  t.equal(stderr, 'the PKCS#11 library did not answer for 3 seconds\n')
})

t.test('a library that hangs does not outlive a command that was killed', async (t) => {
  faulty.plan('C_GetSlotList hang')
  const before = faulty.processes().length
  const command = spawn(process.execPath, [MAIN, 'tokens'], {
    env: { ...process.env, ...faulty.environment, TSA_PASSWORD: 'tsa-password-4711' },
  })
  await until('the library is in use', () => faulty.processes().length > before)
  command.kill('SIGKILL')
  const pid = Number(faulty.processes().at(-1))
  const environ = readFileSync(`/proc/${pid}/environ`, 'latin1')
  t.match(environ, 'SOFTHSM2_CONF=')
  t.notMatch(environ, 'tsa-password-4711', 'nor does it know what it does not need')
  await until('the process has ended', () => !isRunning(pid))
  t.pass('it has ended')
})
