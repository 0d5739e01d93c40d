import { mock } from 'node:test'
import pino from 'pino'
import t from 'tap'
import { ExpiryWatch, findExpiry } from '../../src/signers/expiry-watch.ts'
import type { Signer } from '../../src/signers/signer.ts'
import { findInvalidity } from '../../src/x509/validity.ts'
import { issue } from '../support/certificates.ts'

const DAY_MS = 86_400_000
const NOW = new Date('2026-03-01T12:00:00Z').getTime()

function endingAfter(name: string, days: number): Signer {
  const period = {
    subject: `CN=${name}`,
    notBefore: new Date(0),
    notAfter: new Date(NOW + days * DAY_MS),
  }
  const configuration = { caCertificates: [] }
  return { name, configuration, knownCertificate: () => ({ validity: [period] }) } as unknown as Signer
}

const unneeded = () => t.fail('no certificate has begun to be valid')

t.test('each threshold is told once, for each signer, and again of a renewed certificate', async (t) => {
  mock.timers.enable({ apis: ['setInterval', 'Date'], now: NOW })
  t.teardown(() => mock.timers.reset())
  let keys = [endingAfter('contracts', 40), endingAfter('invoices', 13), endingAfter('letters', 400)]
  const told: string[] = []
  const log = pino(
    { level: 'warn' },
    {
      write(line) {
        const { signer, days } = JSON.parse(line)
        told.push(`${signer} ${days}`)
      },
    },
  )
  const watch = new ExpiryWatch({ all: () => keys }, log, unneeded)
  const pass = (days: number) => {
    for (let hour = 0; hour < days * 24; hour++) {
      mock.timers.tick(3_600_000)
    }
    return told.splice(0)
  }
  watch.start()
  t.strictSame(told.splice(0), ['invoices 14'], 'at the start')
  t.strictSame(pass(11), ['invoices 7', 'contracts 30'])
  t.strictSame(pass(30), ['contracts 14', 'contracts 7'])
  keys = [endingAfter('contracts', 41 + 60), endingAfter('letters', 400)]
  watch.check()
  t.strictSame(told.splice(0), [], 'the new one is not near its end')
  t.strictSame(pass(31), ['contracts 30'])
  watch.stop()
  t.strictSame(pass(40), [])
})

t.test('a signer whose certificate is on a token that was not reached yet says nothing', async (t) => {
  const configuration = { caCertificates: [] }
  const signer = { name: 'contracts', configuration, knownCertificate: () => undefined } as unknown as Signer
  const log = pino({ level: 'warn' }, { write: (line) => t.fail(line) })
  new ExpiryWatch({ all: () => [signer] }, log, unneeded).check()
})

/** Returns how often a watch has said by the end of each of four minutes that a signer may have another chain. */
function countChanges(signer: Signer): number[] {
  let changes = 0
  const watch = new ExpiryWatch({ all: () => [signer] }, pino({ level: 'silent' }), () => {
    changes += 1
  })
  watch.start()
  const counts = Array.from({ length: 4 }, () => {
    mock.timers.tick(60_000)
    return changes
  })
  watch.stop()
  return counts
}

t.test('a certificate in the files that begins to be valid is noticed once', async (t) => {
  mock.timers.enable({ apis: ['setInterval', 'Date'], now: NOW })
  t.teardown(() => mock.timers.reset())
  const authority = (notBefore: number) =>
    issue(t.testdir(), {
      subject: '/CN=Authority',
      ca: true,
      notBefore: new Date(notBefore),
      notAfter: new Date(NOW + 400 * DAY_MS),
    }).certificate
  const signer = {
    ...endingAfter('contracts', 400),
    configuration: { certificates: [authority(NOW - DAY_MS)], caCertificates: [authority(NOW + 90_000)] },
  } as unknown as Signer
  t.strictSame(countChanges(signer), [0, 1, 1, 1])
})

t.test('an issuer in use that ends is noticed once, and the certificate itself is not', async (t) => {
  mock.timers.enable({ apis: ['setInterval', 'Date'], now: NOW })
  t.teardown(() => mock.timers.reset())
  const ending = (days: number, afterMs: number) => ({
    ...{ subject: 'CN=one', notBefore: new Date(0), notAfter: new Date(NOW + days * DAY_MS + afterMs) },
  })
  const signer = {
    ...endingAfter('contracts', 400),
    knownCertificate: () => ({
      validity: [ending(0, 30_000), ending(0, 90_000), ending(400, 0)],
    }),
  } as unknown as Signer
  t.strictSame(countChanges(signer), [0, 1, 1, 1])
})

const notBefore = new Date('2020-01-01')
const validity = [
  { subject: 'CN=Signer', notBefore, notAfter: new Date('2026-06-30T12:00:00Z') },
  { subject: 'CN=Issuing CA', notBefore, notAfter: new Date('2026-06-29T12:00:00Z') },
  { subject: 'CN=Root', notBefore, notAfter: new Date('2036-06-29T12:00:00Z') },
]

t.test('the smallest threshold that has been reached, to the second', async (t) => {
  for (const [at, days] of [
    ['2026-05-30T12:00:00.999Z', undefined],
    ['2026-05-30T12:00:01.000Z', 30],
    ['2026-06-15T12:00:00.999Z', 30],
    ['2026-06-15T12:00:01.000Z', 14],
    ['2026-06-22T12:00:00.999Z', 14],
    ['2026-06-22T12:00:01.000Z', 7],
    ['2026-06-29T12:00:00.999Z', 7],
  ] as const) {
    t.equal(findInvalidity(validity, new Date(at)), undefined)
    t.equal(findExpiry(validity, new Date(at))?.days, days, at)
  }
})

t.test('the certificate that ends first is named', async (t) => {
  t.strictSame(findExpiry(validity, new Date('2026-06-20')), {
    days: 14,
    message: 'The certificate of CN=Issuing CA expires within 14 days, at 2026-06-29T12:00:00.000Z; renew it',
  })
})

t.test('what has expired, or is not there, will not expire', async (t) => {
  const at = new Date('2026-06-29T12:00:01.000Z')
  t.match(findInvalidity(validity, at), /^The certificate of CN=Issuing CA expired/)
  t.equal(findExpiry(validity, at), undefined)
  t.equal(findExpiry([], at), undefined)
})
