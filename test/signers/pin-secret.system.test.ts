/** Services whose PIN is a secret of AWS Secrets Manager: at the start, in an outage, after a rotation, and wrong. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { health, watchfulEnvironment } from '../support/readiness.ts'
import { afterReload, logLines, SERIAL_NUMBER, signsWith } from '../support/reload.ts'
import { repositoryPath } from '../support/repository.ts'
import {
  SECRET_ACCESS_KEY,
  SECRET_ARN,
  SECRET_ID,
  SESSION_TOKEN,
  startSecretsManager,
  version,
} from '../support/secrets-manager.ts'
import { startReadyServerProcess, startServerProcess } from '../support/server-process.ts'
import { type Service, startReadyService, startService } from '../support/service.ts'
import { createSignersFolder } from '../support/signers.ts'
import { until } from '../support/signing.ts'
import { createToken, PIN } from '../support/token.ts'

const folder = await createSignersFolder(t.testdir())
const { certificate } = await folder.addKey('near')
folder.write(['near'])
const module = await createFaultyModule(folder.directory, folder.environment)
const { HSM_PIN_FILE: _, ...withoutPin } = watchfulEnvironment({ ...folder, environment: module.environment })
const environment = { ...withoutPin, HSM_PIN_SECRET_ID: SECRET_ID }
const manager = await startSecretsManager(t)
// Signer processes have the environment of this one
Object.assign(process.env, manager.environment)

const SECRETS = [PIN, 'wrong-pin', SECRET_ACCESS_KEY, SESSION_TOKEN]

/** Checks that a log has no secret in it. */
function checkSecrets({ log }: Pick<Service, 'log'>): void {
  t.strictSame(
    SECRETS.filter((secret) => log().includes(secret)),
    [],
  )
}

t.test('a service is ready with the PIN of a secret, as text and as JSON', async (t) => {
  for (const text of [PIN, JSON.stringify({ pin: PIN })]) {
    manager.answer = version('1', text)
    const service = await startReadyService(t, environment)
    t.equal(await signsWith(service.url, 'near'), certificate.serialNumber)
    checkSecrets(service)
  }
})

t.test('user and password are told to the token as one PIN, also by the command', async (t) => {
  const second = await createToken(folder.token.directory, 'second')
  await folder.importKey('near', second)
  const access = ['--module', `${second.environment.HSM_MODULE}`, '--token-label', 'second', '--login']
  const [username, password] = ['crypto-user', 'pin:4711']
  const change = ['--pin', PIN, '--change-pin', '--new-pin', `${username}:${password}`]
  execFileSync('pkcs11-tool', [...access, ...change], { stdio: 'pipe' })
  manager.answer = version('1', JSON.stringify({ username, password }))
  const named = {
    HSM_MODULE: module.environment.HSM_MODULE ?? '',
    HSM_PIN: 'another',
    HSM_TOKEN_LABEL: 'second',
  }
  const { stdout, stderr, exitCode } = await runCommand(named, 'keys', '--json', '--pin-secret-id', SECRET_ID)
  t.equal(exitCode, 0, stderr)
  t.match(JSON.parse(stdout), [{ label: 'near' }])
  manager.answer = { fault: 'AccessDeniedException', status: 400 }
  const refused = await runCommand(named, 'keys', '--pin-secret-id', SECRET_ID)
  t.match(refused, { exitCode: 1, stderr: /AccessDeniedException \(HTTP 400\): allow secretsmanager/ })
})

async function stateOf(service: Service): Promise<string | undefined> {
  return (await health(service)).signers.near?.state
}

t.test('an outage at the start passes by itself', async (t) => {
  manager.answer = version('1', PIN)
  await manager.close()
  const logins = module.calls('C_Login')
  const service = await startService(t, environment)
  await until('it is told', async () => (await stateOf(service)) === 'unavailable')
  t.match(await health(service), {
    statusCode: 503,
    hsm: { reason: 'the PIN cannot be read from AWS Secrets Manager (ECONNREFUSED)' },
  })
  await until('it is logged', () => service.log().includes(`the secret ${SECRET_ID} cannot be read`))
  await manager.listen()
  for (const fault of ['AccessDeniedException', 'ResourceNotFoundException']) {
    manager.answer = { fault, status: 400, message: SECRET_ARN }
    await until(`${fault} is told`, async () => (await health(service)).hsm.reason?.includes(fault) === true)
    t.notMatch(JSON.stringify(await health(service)), /arn:|signing\/hsm-pin/)
  }
  t.equal(module.calls('C_Login'), logins)
  manager.answer = version('1', PIN)
  await service.ready()
  t.match(await signsWith(service.url, 'near'), SERIAL_NUMBER)
  t.strictSame(service.misconfigured, [])
  checkSecrets(service)
})

t.test('a service ends at once while Secrets Manager does not answer', async (t) => {
  manager.answer = undefined
  const asked = manager.asked.length
  const finalized = module.calls('C_Finalize')
  const service = await startService(t, environment)
  await until('it is asked', () => manager.asked.length > asked)
  await service.app.close()
  t.equal(module.calls('C_Finalize'), finalized + 1)
  t.notMatch(service.log(), 'the signer process ended')
})

t.test('a secret that is no PIN ends the start, before any login', async (t) => {
  manager.answer = version('1', `${PIN} `)
  const logins = module.calls('C_Login')
  const { exited, output } = startServerProcess(t, environment)
  t.match(await exited, { code: 78 })
  t.match(output(), `HSM_PIN_SECRET_ID: the secret ${SECRET_ID} begins or ends with a blank: take it away`)
  t.equal(module.calls('C_Login'), logins)
  checkSecrets({ log: output })
})

t.test('a rotated secret', async (t) => {
  manager.answer = version('1', PIN)
  const service = await startReadyService(t, environment)
  const { url } = service
  const asked = manager.asked.length
  manager.answer = version('2', 'wrong-pin-2')

  t.test('changes nothing for those who are logged in', async (t) => {
    t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
    t.match(await signsWith(url, 'near'), SERIAL_NUMBER)
    t.equal(manager.asked.length, asked)
  })

  t.test('is read by the next signer process, and told once if it is wrong', async (t) => {
    const logins = module.calls('C_Login')
    process.kill(module.processes().at(-1) as number, 'SIGKILL')
    await until('it is refused', async () => (await stateOf(service)) === 'pin refused')
    t.equal(module.calls('C_Login'), logins + 1)
    const remedy = 'correct the secret of HSM_PIN_SECRET_ID, then send SIGHUP'
    t.ok(logLines(service.log()).some(({ msg }) => msg.endsWith(remedy)))
    for (const count of [1, 2]) {
      const renewed = folder.certify('near')
      t.equal(
        await afterReload(service, () => service.app.reload()),
        'refused',
        `SIGHUP ${count}: its only signer is another one, which cannot be tested`,
      )
      t.ok(renewed)
    }
    t.equal(module.calls('C_Login'), logins + 1, 'it is the same version')
  })

  t.test('that is wrong keeps nobody from taking over other changes', async (t) => {
    const logins = module.calls('C_Login')
    const service = await startService(t, environment)
    await until('it is refused', async () => (await stateOf(service)) === 'pin refused')
    folder.write({ near: folder.entry('near', { minimumDaysLeft: 1 }) })
    t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
    t.equal(await stateOf(service), 'pin refused')
    t.equal(module.calls('C_Login'), logins + 1)
  })

  t.test('is taken at SIGHUP once it has another version', async (t) => {
    const logins = module.calls('C_Login')
    manager.answer = version('3', 'wrong-pin-3')
    t.equal(await afterReload(service, () => service.app.reload()), 'refused')
    t.equal(module.calls('C_Login'), logins + 1, 'another wrong one is told once')
    manager.answer = version('2', 'wrong-pin-2')
    await afterReload(service, () => service.app.reload())
    t.equal(module.calls('C_Login'), logins + 1, 'and the former one not again')
    manager.answer = version('4', PIN)
    t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
    t.match(await signsWith(url, 'near'), SERIAL_NUMBER)
    t.equal(module.calls('C_Login'), logins + 2)
    checkSecrets(service)
  })
})

t.test('a login that the token has forgotten', async (t) => {
  manager.answer = version('5', PIN)
  const service = await startReadyService(t, { ...environment, HSM_TIMEOUT_MS: '2000' })
  const forget = async () => {
    module.plan('C_SignInit log-out times=1')
    const logins = module.calls('C_Login')
    await until('it logs in', async () => {
      await signsWith(service.url, 'near').catch(() => {})
      return module.calls('C_Login') > logins
    })
  }

  t.test('is repeated with the last PIN where Secrets Manager is away, or does not answer', async (t) => {
    const processes = module.processes().length
    const isReady = async () => (await stateOf(service)) === 'ready'
    await manager.close()
    await forget()
    await until('it signs again', isReady)
    await manager.listen()
    manager.answer = undefined
    await forget()
    await until('it signs again', isReady)
    t.match(await signsWith(service.url, 'near'), SERIAL_NUMBER)
    t.equal(module.processes().length, processes, 'by the same process')
  })

  t.test('is repeated with what the secret holds by then', async (t) => {
    manager.answer = version('6', 'wrong-pin-6')
    const logins = module.calls('C_Login')
    await forget()
    await until('it is refused', async () => (await stateOf(service)) === 'pin refused')
    t.equal(module.calls('C_Login'), logins + 1)
    checkSecrets(service)
  })
})

t.test('only the signer process loads the SDK, and only for a secret', async (t) => {
  manager.answer = version('7', PIN)
  const withFile = { ...withoutPin, HSM_PIN_FILE: folder.environment.HSM_PIN_FILE ?? '' }
  for (const [variables, expected] of [
    [environment, [false, true]],
    [withFile, [false, false]],
  ] as const) {
    const coverage = t.testdir()
    // V8 writes there at the end which scripts each process has loaded
    const { child, address, exited } = await startReadyServerProcess(t, {
      ...{ ...variables, NODE_OPTIONS: '', NODE_V8_COVERAGE: coverage },
    })
    t.match(await signsWith(address, 'near'), SERIAL_NUMBER)
    child.kill('SIGTERM')
    await exited
    const scripts = (isServer: boolean) =>
      readdirSync(coverage)
        .filter((name) => name.startsWith(`coverage-${child.pid}-`) === isServer)
        .map((name) => readFileSync(join(coverage, name), 'utf8'))
        .join()
    t.match(scripts(true), /dist\/\w+\/server\.js/)
    t.match(scripts(false), /dist\/\w+\/pkcs11\/process\/entry\.js/)
    t.strictSame(
      [true, false].map((isServer) => scripts(isServer).includes('/@aws-sdk/')),
      expected,
    )
  }
})

t.test('without the SDK the start says what to install', async (t) => {
  // The service as it is installed with --omit=optional
  const directory = mkdtempSync(join(tmpdir(), 'without-optional-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  for (const folder of ['node_modules', 'cwd']) {
    mkdirSync(join(directory, folder))
  }
  for (const path of ['dist/bundle', 'package.json']) {
    cpSync(repositoryPath(path), join(directory, path), { recursive: true })
  }
  for (const name of readdirSync(repositoryPath('node_modules'))) {
    if (name !== '@aws-sdk') {
      symlinkSync(repositoryPath(`node_modules/${name}`), join(directory, 'node_modules', name))
    }
  }
  const program = { module: join(directory, 'dist/bundle/server.js'), args: [], cwd: join(directory, 'cwd') }
  const options = { ...environment, NODE_OPTIONS: '' }
  const { exited, output } = startServerProcess(t, options, program)
  t.match(await exited, { code: 78 })
  t.match(
    output(),
    /HSM_PIN_SECRET_ID: needs the package @aws-sdk\/client-secrets-manager, which is not installed: run npm ci without --omit=optional/,
  )
  const withFile = { ...withoutPin, NODE_OPTIONS: '', HSM_PIN_FILE: folder.environment.HSM_PIN_FILE ?? '' }
  const other = await startReadyServerProcess(t, withFile, program)
  t.match(await signsWith(other.address, 'near'), SERIAL_NUMBER, 'which nobody else needs')
})
