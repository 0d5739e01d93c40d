/** What goes wrong with one token, and what does not. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { readLog } from '../support/log-lines.ts'
import { health, signerReady, tokenReady, watchfulEnvironment } from '../support/readiness.ts'
import { afterReload, logLines, SERIAL_NUMBER, signsWith } from '../support/reload.ts'
import { scrape } from '../support/scrape.ts'
import { type Service, startReadyService, startService } from '../support/service.ts'
import { createSignersFolder } from '../support/signers.ts'
import { until } from '../support/signing.ts'
import { createHiddenToken, createToken, PIN } from '../support/token.ts'

const folder = await createSignersFolder(t.testdir())
const near = await folder.addKey('near')
const second = await createToken(folder.token.directory, 'second')
const far = await folder.addKey('far', 'p-256', second)
const module = await createFaultyModule(folder.directory, folder.environment)
/** Of one signer alone, whose token can thus be faulty alone. */
const faulty = { label: 'second', module: `${module.environment.HSM_MODULE}` }
const environment = watchfulEnvironment(folder)

/** Fields of lines about the token of `far` alone. */
const OF_FAR = { token: 'second', signers: ['far'] }

function linesWith({ log }: Pick<Service, 'log'>, message: string): Record<string, unknown>[] {
  return readLog(log()).filter(({ msg }) => `${msg}`.startsWith(message))
}

function countSignerProcesses(): number {
  const args = ['--no-headers', '-o', 'args', '--ppid', `${process.pid}`]
  const children = execFileSync('ps', args, { encoding: 'utf8' })
  return children.match(/pkcs11\/process\/entry/g)?.length ?? 0
}

t.test('no signer process is started once the service is closed', async (t) => {
  folder.write({ far: folder.entry('far', { token: faulty }), near: folder.entry('near') })
  const { app } = await startService(t, environment)
  await app.close()
  // They are started one after another
  await delay(100)
  t.equal(countSignerProcesses(), 0)
})

t.test('two tokens', async (t) => {
  folder.write({ far: folder.entry('far', { token: faulty }), near: folder.entry('near') })
  const service = await startReadyService(t, environment)
  const { url } = service
  for (const signer of ['near', 'far']) {
    await until(`${signer} signs`, async () => (await signerReady(service, signer)) === 1)
  }

  t.test('each has a signer process of its own', async (t) => {
    t.equal(await signsWith(url, 'near'), near.certificate.serialNumber)
    t.equal(await signsWith(url, 'far'), far.certificate.serialNumber)
    t.equal(countSignerProcesses(), 2)
    t.match(await health(service), {
      statusCode: 200,
      signers: { near: { state: 'ready' }, far: { state: 'ready' } },
    })
  })

  t.test('one that is away takes its own signers along, and nobody else', async (t) => {
    module.plan('* absent')
    await until('it is missed', async () => (await signerReady(service, 'far')) === 0)
    t.match(await health(service), {
      statusCode: 200,
      hsm: { state: 'unavailable' },
      signers: { near: { state: 'ready', token: 'test' }, far: { state: 'unavailable', token: 'second' } },
    })
    t.equal(await tokenReady(service, 'second'), 0)
    t.equal(await tokenReady(service, 'test'), 1)
    t.equal(await signsWith(url, 'near'), near.certificate.serialNumber)
    t.match(linesWith(service, 'starting the signer process again: '), [OF_FAR])
  })

  t.test('while it is away, others can be renewed', async (t) => {
    const renewed = folder.certify('near')
    t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
    t.equal(await signsWith(url, 'near'), renewed.certificate.serialNumber)
  })

  t.test('it is in use again soon after it is back', async (t) => {
    module.plan()
    await until('it is back', async () => (await signerReady(service, 'far')) === 1)
    t.equal(await signsWith(url, 'far'), far.certificate.serialNumber)
  })

  t.test('its log lines name the signers that were taken over', async (t) => {
    const entry = folder.entry('far', { token: faulty })
    folder.write({ far: entry, 'far-too': entry, near: folder.entry('near') })
    t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
    module.plan('* absent')
    const missed = () => linesWith(service, 'starting the signer process again: ')
    await until('it is missed again', () => missed().length > 1)
    t.match(missed().at(-1), { token: 'second', signers: ['far', 'far-too'] })
  })
})

t.test('the user of one token is locked at the start, or has no PIN', async (t) => {
  writeFileSync(folder.path('second-pin'), `${PIN}\n`)
  folder.write({
    near: folder.entry('near'),
    far: folder.entry('far', { token: { ...faulty, pinFile: 'second-pin' } }),
  })
  for (const [returnValue, advice] of [
    ['CKR_PIN_LOCKED', 'the token has locked its user: have its security officer unlock it'],
    ['CKR_USER_PIN_NOT_INITIALIZED', 'the user of the token has no PIN: have its security officer set it'],
  ] as const) {
    await t.test(returnValue, async (t) => {
      module.plan(`C_Login return ${returnValue}`)
      const logins = module.calls('C_Login')
      const service = await startReadyService(t, environment)
      const reason = `the token refused the PIN (${returnValue})`
      await until('it is told', async () => (await health(service)).signers.far?.reason === reason)
      const [line] = linesWith(service, 'the token refused the login')
      t.match(line, { ...OF_FAR, returnValue, level: 50 })
      t.equal(line?.msg, `the token refused the login, which is not tried again: ${advice}, then send SIGHUP`)
      const renewed = folder.certify('near')
      t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
      t.equal(await signsWith(service.url, 'near'), renewed.certificate.serialNumber)
      t.equal(module.calls('C_Login'), logins + 2, 'once at the start, and once at SIGHUP')
      module.plan()
      t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
      t.equal(await signsWith(service.url, 'far'), far.certificate.serialNumber)
      t.equal(module.calls('C_Login'), logins + 3, 'with the same PIN')
    })
  }
})

t.test('the PIN of one token is wrong at the start', async (t) => {
  module.plan()
  writeFileSync(folder.path('second-pin'), 'wrong-pin-1\n')
  folder.write({
    near: folder.entry('near'),
    far: folder.entry('far', { token: { ...faulty, pinFile: 'second-pin' } }),
  })
  const logins = module.calls('C_Login')
  const service = await startReadyService(t, environment)
  const { url } = service

  t.test('the others sign', async (t) => {
    await until(
      'the PIN is refused',
      async () => (await health(service)).signers.far?.state === 'pin refused',
    )
    t.match(await health(service), {
      statusCode: 200,
      signers: {
        near: { state: 'ready' },
        far: { state: 'pin refused', reason: 'the token refused the PIN (CKR_PIN_INCORRECT)' },
      },
    })
    t.match(await signsWith(url, 'near'), SERIAL_NUMBER)
    t.equal(await signsWith(url, 'far'), 'HSM_UNAVAILABLE')
    const pinFile = folder.path('second-pin')
    t.match(linesWith(service, 'the token refused the PIN'), [{ ...OF_FAR, pinFile }])
  })

  t.test(
    'it keeps nobody from taking over other changes, and is not tried again, which is told',
    async (t) => {
      const start = service.log().length
      const renewed = folder.certify('near')
      t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
      t.equal(await signsWith(url, 'near'), renewed.certificate.serialNumber)
      t.equal(module.calls('C_Login'), logins + 1)
      const told = logLines(service.log().slice(start)).filter(({ level }) => level >= 50)
      const file = folder.path('second-pin')
      t.match(told, [
        {
          variable: 'SIGNERS_FILE /signers/far/token/pinFile',
          signers: ['far'],
          msg:
            `the token refused its PIN, which is not tried again: correct ${file}, which has not changed since, and ` +
            'send SIGHUP again',
        },
      ])
    },
  )

  t.test('another wrong one is tried once, and then keeps nobody either', async (t) => {
    const place = 'SIGNERS_FILE /signers/far/token/pinFile'
    writeFileSync(folder.path('second-pin'), 'wrong-pin-2\n')
    t.equal(await afterReload(service, () => service.app.reload()), 'refused')
    t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
    t.equal(module.calls('C_Login'), logins + 2)
    const refused = linesWith(service, `${place}: no test signature could be made: the token refused the PIN`)
    t.match(refused, [{ ...OF_FAR, variable: place, pinFile: folder.path('second-pin') }])
  })

  t.test('the right one is enough, without a new start', async (t) => {
    writeFileSync(folder.path('second-pin'), `${PIN}\n`)
    t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
    t.equal(await signsWith(url, 'far'), far.certificate.serialNumber)
    t.match(await health(service), {
      statusCode: 200,
      signers: { near: { state: 'ready' }, far: { state: 'ready' } },
    })
    t.notMatch(service.log(), /wrong-pin|test-pin/)
  })
})

t.test('the PIN of one token is wrong, and the key of the other is missing: the service stays', async (t) => {
  writeFileSync(folder.path('second-pin'), 'wrong-pin-3\n')
  folder.write({
    near: folder.entry('near', { key: { label: 'none' } }),
    far: folder.entry('far', { token: { ...faulty, pinFile: 'second-pin' } }),
  })
  // The login ends after the key was looked for, and the other way around
  for (const delay of ['C_Login delay 500', '']) {
    module.plan(...(delay === '' ? [] : [delay]))
    const service = await startService(t, environment)
    await until('both are told', async () => {
      const { near, far } = (await health(service)).signers
      return (
        near?.state === 'misconfigured' &&
        far?.state === 'pin refused' &&
        linesWith(service, 'a signer cannot sign: ').length > 0
      )
    })
    t.same(service.misconfigured, [], 'each start would tell the PIN again')
    t.equal(linesWith(service, 'the token refused the PIN').length, 1)
  }
  module.plan()
})

t.test(
  'the login at one token is never answered, and the key of the other is missing: the service stays',
  async (t) => {
    writeFileSync(folder.path('second-pin'), `${PIN}\n`)
    folder.write({
      near: folder.entry('near', { key: { label: 'none' } }),
      far: folder.entry('far', { token: { ...faulty, pinFile: 'second-pin' } }),
    })
    module.plan('C_Login hang')
    const logins = module.calls('C_Login')
    const service = await startService(t, environment)
    await until('it hangs', () => module.calls('C_Login') > logins)
    process.kill(module.processes().at(-1) as number, 'SIGKILL')
    await until('it is told', () => linesWith(service, 'a signer cannot sign: ').length > 0)
    // It accepts the login, and signs only after the missing key was looked for once more
    module.plan('C_SignInit delay 3000 times=1')
    await until('the other signs', async () => (await health(service)).signers.far?.state === 'ready')
    t.same(service.misconfigured, [])
    module.plan()
  },
)

t.test(
  'a key that is missing while another token is opened ends nothing once it was corrected',
  async (t) => {
    const far = folder.entry('far', { token: { ...faulty, pinFile: 'second-pin' } })
    folder.write({ near: folder.entry('near', { key: { label: 'none' } }), far })
    module.plan('C_Login hold')
    // The login may take half of it
    const service = await startService(t, { ...environment, HSM_TIMEOUT_MS: '120000' })
    await until('it is missing', async () => (await health(service)).signers.near?.state === 'misconfigured')
    folder.write({ near: folder.entry('near'), far })
    t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
    module.plan()
    await until('all sign', async () => {
      const { near, far } = (await health(service)).signers
      return near?.state === 'ready' && far?.state === 'ready'
    })
    t.same(service.misconfigured, [])
  },
)

t.test('a token that comes later is in use then, the others from the start', async (t) => {
  const third = await createHiddenToken(
    folder.token,
    { elsewhere: folder.path('elsewhere'), label: 'third' },
    (made) => folder.importKey('far', made),
  )
  folder.write({ near: folder.entry('near'), far: folder.entry('far', { token: { label: 'third' } }) })
  const service = await startService(t, environment)
  await service.ready()
  t.match(await health(service), {
    ...{ statusCode: 200, signers: { near: { state: 'ready' }, far: { state: 'unavailable' } } },
  })
  t.equal(await signsWith(service.url, 'far'), 'HSM_UNAVAILABLE')
  third.appear()
  await until('it signs', async () => (await signerReady(service, 'far')) === 1)
  t.equal(await signsWith(service.url, 'far'), far.certificate.serialNumber)
})

t.test('a token that comes later without the key ends nothing that signs', async (t) => {
  folder.write({ near: folder.entry('near'), far: folder.entry('far', { token: { label: 'fourth' } }) })
  const service = await startReadyService(t, environment)
  const fourth = { ...folder.token, label: 'fourth' }
  // A token that is being made has no PIN for a moment, with which the service would be done
  const hidden = await createHiddenToken(
    folder.token,
    { elsewhere: folder.path('elsewhere-fourth'), label: fourth.label },
    async () => {},
  )
  hidden.appear()
  await until('it was told', () =>
    service.log().includes('a signer cannot sign: SIGNERS_FILE /signers/far/key'),
  )
  t.strictSame(service.misconfigured, [])
  t.match(await signsWith(service.url, 'near'), SERIAL_NUMBER)
  t.equal(await signsWith(service.url, 'far'), 'HSM_UNAVAILABLE')
  t.match(await health(service), {
    statusCode: 200,
    signers: { near: { state: 'ready' }, far: { state: 'misconfigured' } },
  })
  const logins = async () =>
    [...(await scrape(service.url)).samples]
      .filter(([key]) => /^signing_service_hsm_logins_total\{.*return_value="CKR_OK"\}$/.test(key))
      .reduce((sum, [, value]) => sum + value, 0)
  const before = await logins()
  await until('it was looked for again', async () => (await logins()) > before)
  t.equal(service.log().match(/a signer cannot sign: SIGNERS_FILE/g)?.length, 1, 'which is no news')
  await folder.importKey('far', fourth)
  await until('it is in use', async () => (await signerReady(service, 'far')) === 1)
  t.equal(await signsWith(service.url, 'far'), far.certificate.serialNumber)
})

t.test('a key that is missing when its token is opened again is in use soon after it is there', async (t) => {
  module.plan()
  const tooFar = await folder.addKey('far-too', 'p-256', second)
  folder.write({
    near: folder.entry('near'),
    far: folder.entry('far', { token: faulty }),
    'far-too': folder.entry('far-too', { token: faulty }),
  })
  const service = await startReadyService(t, environment)
  const { url } = service
  await until('it signs', async () => (await signerReady(service, 'far-too')) === 1)
  await folder.deleteKey('far-too', second)
  const before = module.processes().at(-1) ?? 0
  process.kill(before, 'SIGKILL')
  await until('the token is missed', async () => (await tokenReady(service, 'second')) === 0)
  await until('the token is back', async () => (await signerReady(service, 'far')) === 1)
  const pid = module.processes().at(-1)
  t.not(pid, before)
  t.match((await health(service)).signers['far-too'], {
    ...{ state: 'unavailable', reason: 'no private key fits', token: 'second' },
  })
  const opened = module.calls('C_OpenSession')
  module.plan('C_OpenSession return CKR_SESSION_COUNT')
  await until('it is looked for in vain', () => module.calls('C_OpenSession') > opened)
  module.plan()
  t.equal(await signsWith(url, 'far'), far.certificate.serialNumber, 'which costs no other key anything')
  await folder.importKey('far-too', second)
  await until('it is in use', async () => (await signerReady(service, 'far-too')) === 1)
  t.equal(await signsWith(url, 'far-too'), tooFar.certificate.serialNumber)
  t.equal(module.processes().at(-1), pid, 'in the same signer process')
  await until('it is logged', () => /"signer":"far-too",.*the signer can sign again/.test(service.log()))
})

t.test('a token that two signers name differently is told a wrong PIN once', async (t) => {
  module.plan()
  writeFileSync(folder.path('second-pin'), 'wrong-pin-3\n')
  const { tokens } = JSON.parse((await runCommand(folder.environment, 'tokens', '--json')).stdout)
  const { slot } = tokens.find(({ label }: { label: string }) => label === 'second')
  const pinFile = 'second-pin'
  folder.write({
    near: folder.entry('near'),
    'by-label': folder.entry('far', { token: { ...faulty, pinFile } }),
    'by-slot': folder.entry('far', { token: { module: faulty.module, slot, pinFile } }),
  })
  const [logins, opened] = ['C_Login', 'C_OpenSession'].map((name) => module.calls(name)) as [number, number]
  module.plan('C_Login hold')
  const service = await startService(t, environment)
  // Each opens a session to log in with
  await until('both have come so far', () => module.calls('C_OpenSession') === opened + 2)
  await until('one is at its login', () => module.calls('C_Login') > logins)
  module.plan()
  const bothAre = async (state: string, of: Service) => {
    const { signers } = await health(of)
    return ['by-label', 'by-slot'].every((name) => signers[name]?.state === state)
  }
  const bothSign = (of: Service) => bothAre('ready', of)
  await until('both are refused', () => bothAre('pin refused', service))
  t.equal(module.calls('C_Login'), logins + 1)
  const reasons = Object.values((await health(service)).signers).map(({ reason }) => reason)
  t.strictSame(reasons.sort(), [
    'the token refused the PIN (CKR_PIN_INCORRECT)',
    'the token refused the PIN (it did so before)',
    undefined,
  ])

  t.test('and the right one by each of them', async (t) => {
    writeFileSync(folder.path('second-pin'), `${PIN}\n`)
    t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
    await until('both sign', () => bothSign(service))
    for (const signer of ['by-label', 'by-slot']) {
      t.equal(await signsWith(service.url, signer), far.certificate.serialNumber)
    }
    t.equal(module.calls('C_Login'), logins + 3)
    // It would log in again after whatever befell it
    await service.app.close()
  })

  t.test('one whose login takes long keeps the other waiting', async (t) => {
    module.plan('C_Login hold')
    const ended = await startService(t, environment)
    await until('one is at its login', () => module.calls('C_Login') === logins + 4)
    await ended.app.close()
    t.equal(module.calls('C_Login'), logins + 4, 'until the service ends')
    const service = await startService(t, environment)
    await until('one is at its login', () => module.calls('C_Login') === logins + 5)
    module.plan()
    await until('both sign', () => bothSign(service))
    t.equal(module.calls('C_Login'), logins + 6, 'or the token answers')
  })
})
