/** Changed signers and certificates are taken over while the service signs. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { afterReload, countReloads, logLines, reloadStatus, signsWith } from '../support/reload.ts'
import { scrape } from '../support/scrape.ts'
import { type Service, startReadyService } from '../support/service.ts'
import { createSignersFolder } from '../support/signers.ts'
import { isRunning, until } from '../support/signing.ts'

const folder = await createSignersFolder(t.testdir())
const house = await folder.addKey('house')
const contracts = await folder.addKey('contracts')
folder.write(['house', 'contracts'])
const module = await createFaultyModule(folder.directory, folder.environment)
const environment = {
  ...module.environment,
  SIGNERS_RELOAD_INTERVAL_MS: '100',
  HSM_SESSIONS: '1',
  HSM_TIMEOUT_MS: '2000',
}

/** The signer processes that run. */
function running(): number[] {
  return [...new Set(module.processes())].filter(isRunning)
}

function start(t: Parameters<typeof startReadyService>[0], change: Record<string, string> = {}) {
  return startReadyService(t, { ...environment, ...change })
}

/** Changes something and has it taken over at once, as SIGHUP does. */
function byRequest(service: Service, act: () => unknown) {
  return afterReload(service, async () => {
    await act()
    service.app.reload()
  })
}

t.test('signers, keys and certificates change', async (t) => {
  const service = await start(t)
  const { url } = service

  t.test('a renewed certificate is used soon after its file has changed, in the same process', async (t) => {
    t.equal(await signsWith(url, 'house'), house.certificate.serialNumber)
    const before = await reloadStatus(url)
    t.match(before, { outcome: undefined, refused: 0, taken: 0 })
    const processes = running()
    t.equal(processes.length, 1, 'both keys are on one token')

    let renewed = house
    const outcome = await afterReload(service, () => {
      renewed = folder.certify('house')
    })
    t.equal(outcome, 'taken over')
    t.equal(await signsWith(url, 'house'), renewed.certificate.serialNumber)
    t.equal(await signsWith(url, 'contracts'), contracts.certificate.serialNumber)
    t.strictSame(running(), processes, 'no process was started and none ended')
    const after = await reloadStatus(url)
    t.match(after, { statusCode: 200, outcome: 'taken over', refused: 0, taken: 1 })
    t.ok(after.since > before.since, `${after.since} is after ${before.since}`)
    const timestamp = 'signing_service_signers_timestamp_seconds'
    t.ok(Number(after.samples.get(timestamp)) > Number(before.samples.get(timestamp)))
  })

  t.test('a file that was written again as it was costs nothing but a look', async (t) => {
    const processes = running()
    t.equal(await afterReload(service, () => folder.write(['house', 'contracts'])), 'taken over')
    t.strictSame(running(), processes)
  })

  t.test('one more signer with a key that signs already needs no other process', async (t) => {
    const processes = running()
    const seal = folder.certify('house', { subject: '/O=Test/CN=seal' }, 'seal.pem')
    const entries = {
      ...{ house: folder.entry('house'), contracts: folder.entry('contracts') },
      seal: folder.entry('house', { certificateFile: 'seal.pem' }),
    }
    t.equal(await byRequest(service, () => folder.write(entries)), 'taken over')
    t.equal(await signsWith(url, 'seal'), seal.certificate.serialNumber)
    t.strictSame(running(), processes)
  })

  t.test(
    'a new key is used after it has signed in a process of its own; the old one ends later',
    async (t) => {
      const old = running()
      const next = await folder.addKey('house-2')
      const entries = { house: folder.entry('house-2'), contracts: folder.entry('contracts') }
      t.equal(await byRequest(service, () => folder.write(entries)), 'taken over')
      t.equal(await signsWith(url, 'house'), next.certificate.serialNumber)
      t.equal(await signsWith(url, 'contracts'), contracts.certificate.serialNumber)
      t.equal(running().length, 2, 'requests that the old process was given may still be with it')
      await until('the old process has ended', () => !old.some(isRunning))
      t.equal(await signsWith(url, 'house'), next.certificate.serialNumber)
      t.equal(running().length, 1)
    },
  )

  t.test('signers come and go, and so does the default', async (t) => {
    t.equal(await signsWith(url, 'invoices'), 'UNKNOWN_SIGNER')
    const invoices = await folder.addKey('invoices')
    t.equal(await byRequest(service, () => folder.write(['invoices', 'contracts'])), 'taken over')
    t.equal(await signsWith(url, 'invoices'), invoices.certificate.serialNumber)
    t.equal(await signsWith(url, 'contracts'), contracts.certificate.serialNumber)
    t.equal(await signsWith(url, 'house'), 'UNKNOWN_SIGNER')
    const { samples } = await scrape(url)
    t.equal(
      samples.get('signing_service_signer_ready{signer="house"}'),
      undefined,
      'it has no values any more',
    )
    t.equal(samples.get('signing_service_signer_ready{signer="invoices"}'), 1)
    const { certificates } = (await service.sign({ action: 'get_certificates' })).json() as {
      certificates: [string]
    }
    t.equal(Buffer.from(certificates[0], 'base64').toString(), invoices.certificate.toString())
  })

  t.test('nothing of this is an error', async (t) => {
    t.strictSame(
      logLines(service.log()).filter(({ level }) => level >= 50),
      [],
    )
  })
})

t.test('without looks at the files', async (t) => {
  folder.write(['contracts'])
  const service = await start(t, { SIGNERS_RELOAD_INTERVAL_MS: '0' })

  t.test('changes wait until they are asked for', async (t) => {
    folder.certify('contracts')
    await delay(600)
    t.match(countReloads(service), { begun: 0 })
  })

  t.test(
    'one is taken over at a time: of several that are asked for meanwhile there is one more',
    async (t) => {
      for (let count = 0; count < 5; count++) {
        service.app.reload()
      }
      await until('all have ended', () => countReloads(service).takenOver === 2)
      await delay(200)
      t.match(countReloads(service), { begun: 2, takenOver: 2, refused: 0 })
    },
  )
})

t.test('the end during a takeover: both processes end, and nothing is said to be wrong', async (t) => {
  folder.write(['contracts'])
  const service = await start(t)
  await folder.addKey('late')
  module.plan('C_Login delay 1500')
  folder.write(['contracts', 'late'])
  service.app.reload()
  await until('the second process has begun', () => running().length === 2)
  await service.app.close()
  module.plan()
  await until('all processes have ended', () => running().length === 0)
  t.match(countReloads(service), { takenOver: 0, refused: 0 })
  t.strictSame(
    logLines(service.log()).filter(({ level }) => level >= 50),
    [],
  )
})
