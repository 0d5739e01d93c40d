/** A changed configuration that cannot work is refused: the signers stay as they were, and everybody is told. */
import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { afterReload, countReloads, problemsSince, reloadStatus, signsWith } from '../support/reload.ts'
import { CERTIFICATE, reissue, validityOf } from '../support/resigned.ts'
import { startReadyService } from '../support/service.ts'
import { createSignersFolder } from '../support/signers.ts'
import { isRunning, until } from '../support/signing.ts'
import { createToken, PIN } from '../support/token.ts'

const PAST = new Date('2020-01-01T00:00:00Z')
const EXPIRED = new Date('2021-02-03T04:05:06Z')

const folder = await createSignersFolder(t.testdir())
const house = await folder.addKey('house')
const other = await folder.addKey('other')
const second = await createToken(folder.token.directory, 'second')
const far = await folder.addKey('far', 'p-256', second)
folder.certify('house', { notBefore: PAST, notAfter: EXPIRED }, 'expired.pem')
folder.put('broken.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
folder.write(['house'])
const module = await createFaultyModule(folder.directory, folder.environment)
const service = await startReadyService(t, {
  ...module.environment,
  SIGNERS_RELOAD_INTERVAL_MS: '100',
  HSM_SESSIONS: '1',
})
const { url } = service
const processes = running()

function running(): number[] {
  return [...new Set(module.processes())].filter(isRunning)
}

/** What the service has refused so far. */
let refused = 0

/** Changes something, by which the signers stay as they are for the reasons that are given. */
async function refuses(t: Test, problems: readonly (string | RegExp)[], act: () => unknown) {
  const start = service.log().length
  t.equal(await afterReload(service, act), 'refused')
  // Were it looked at again, that would be by now
  await delay(400)
  const told = problemsSince(service, start)
  t.equal(told.length, problems.length, 'each problem is told once')
  t.match(told, problems)
  refused += 1
  t.equal(countReloads(service).refused, refused)
  await staysAsItWas(t)
  const { samples, ...status } = await reloadStatus(url)
  t.match(status, { statusCode: 200, outcome: 'refused', refused: 1, signers: { house: { state: 'ready' } } })
  t.match(status, { pending: 0, reason: String })
  t.notMatch(status.reason, /signers|house|other|far|CN=/, 'who asks need not know who there is')
  t.equal(samples.get('signing_service_reloads_total{outcome="refused"}'), refused)
}

async function staysAsItWas(t: Test) {
  t.equal(await signsWith(url, 'house'), house.certificate.serialNumber)
  await until('processes that were started for it have ended', () => `${running()}` === `${processes}`)
}

async function recovers(t: Test) {
  t.equal(await afterReload(service, () => folder.write(['house'])), 'taken over')
  const { refused, outcome } = await reloadStatus(url)
  t.match({ refused, outcome }, { refused: 0, outcome: 'taken over' })
  await staysAsItWas(t)
}

/** The file with the signer and another one. */
function writeWith(name: string, change: Parameters<typeof folder.entry>[1] = {}, entry = name) {
  folder.write({ house: folder.entry('house'), [name]: folder.entry(entry, change) })
}

t.test('JSON that is none, of which SIGHUP tells before the files are looked at', async (t) => {
  await refuses(t, [/^SIGNERS_FILE: \S+ is not valid JSON/], () => {
    folder.put('signers.json', '{"signers": {')
    service.app.reload()
  })
  await recovers(t)
})

t.test('a file that is gone', async (t) => {
  await refuses(t, [/^SIGNERS_FILE: \S+signers\.json does not exist/], () =>
    rmSync(folder.path('signers.json')),
  )
  await recovers(t)
})

t.test('several problems at once, of signers that are there and of new ones', async (t) => {
  await refuses(
    t,
    [
      /^SIGNERS_FILE \/signers\/house\/contaners: is not known here; containers is$/,
      'SIGNERS_FILE /signers/next/certificateFile: next.pem does not exist',
      /^SIGNERS_FILE \/signers\/third\/certificateFile: broken.pem: certificate 1 in it is not encoded as RFC 5280 says/,
    ],
    () =>
      folder.write({
        house: { ...folder.entry('house'), contaners: ['raw'] } as object,
        next: folder.entry('next'),
        third: folder.entry('house', { certificateFile: 'broken.pem' }),
      }),
  )
  await recovers(t)
})

t.test('a PIN that is nowhere, or in two places', async (t) => {
  for (const [pin, problem] of [
    [{ pinFile: 'away' }, 'SIGNERS_FILE /signers/far/token/pinFile: does not exist'],
    [
      { pinFile: 'second-pin', pinSecretId: 'second' },
      /^SIGNERS_FILE \/signers\/far\/token\/pinSecretId: is set beside /,
    ],
  ] as const) {
    await refuses(t, [problem], () => writeWith('far', { token: { label: 'second', ...pin } }))
    await recovers(t)
  }
})

t.test('the certificate of another key', async (t) => {
  const message =
    /^SIGNERS_FILE \/signers\/other\/certificateFile: house.pem is not the certificate of the private key: .* has the SHA-256 fingerprint \w{64}, the private key's \w{64}; it belongs to the private key with label "house" id \w+: choose that one with SIGNERS_FILE \/signers\/other\/key, or configure the certificate that was issued for this key$/
  await refuses(t, [message], () => writeWith('other', { certificateFile: 'house.pem' }))
  await recovers(t)
})

t.test('a certificate that has expired, or ends too soon', async (t) => {
  await refuses(
    t,
    [
      'SIGNERS_FILE /signers/house/certificateFile: expired.pem: The certificate of O=Test, CN=house expired at 2021-02-03T04:05:06.000Z; renew it',
    ],
    () => folder.write({ house: folder.entry('house', { certificateFile: 'expired.pem' }) }),
  )
  const soon =
    /: The certificate of O=Test, CN=other expires at .*, in less than the 3000 days that this signer/
  await refuses(t, [soon], () => writeWith('other', { minimumDaysLeft: 3000 }))
  await recovers(t)
})

t.test('a certificate with times that are none', async (t) => {
  const validity = validityOf('260101000000Z', '20501301000000Z')
  const never = reissue(house, folder.issuing, { [CERTIFICATE.validity]: validity })
  folder.put('month-13.pem', String(never.certificate))
  await refuses(
    t,
    [
      'SIGNERS_FILE /signers/house/certificateFile: month-13.pem: certificate 1 in it is not encoded as RFC 5280 says (it is no DER of this kind: "20501301000000Z" is not a time of RFC 5280 4.1.2.5); copy it once more, or have it issued anew',
    ],
    () => folder.write({ house: folder.entry('house', { certificateFile: 'month-13.pem' }) }),
  )
  await recovers(t)
})

t.test('a key that is not on the token', async (t) => {
  const message =
    /^SIGNERS_FILE \/signers\/other\/key: no private key fits label nobody; there are: (label "(house|other)" id \w+ fingerprint \w{64}(; )?){2}$/
  await refuses(t, [message], () => writeWith('other', { key: { label: 'nobody' } }))
  await recovers(t)
})

t.test('a key that may not sign', async (t) => {
  await folder.addKey('decrypts-alone')
  await folder.forbidSigning('decrypts-alone')
  const id = Buffer.from('decrypts-alone').toString('hex')
  await refuses(
    t,
    [
      `SIGNERS_FILE /signers/decrypts-alone/key: the private key may not sign (CKA_SIGN is false): it has label ` +
        `"decrypts-alone" id ${id}; have the HSM allow it, or choose another key`,
    ],
    () => writeWith('decrypts-alone'),
  )
  await recovers(t)
})

/** Changes something, which is pending for a reason that the log and the page have. */
async function pends(t: Test, problem: RegExp, reason: RegExp, act: () => unknown) {
  const start = service.log().length
  t.equal(await afterReload(service, act), 'pending')
  t.match(problemsSince(service, start), [problem])
  t.match(service.log().slice(start), /"delayMs":\d+,"msg":"the new configuration is pending: /)
  t.match(await reloadStatus(url), { statusCode: 200, outcome: 'pending', reason, refused: 0, pending: 1 })
}

t.test('a token that is not there is waited for, and taken over when it is', async (t) => {
  await pends(
    t,
    /^SIGNERS_FILE \/signers\/far\/key: no test signature could be made: the token is not present$/,
    /^no test signature could be made: the token is not present$/,
    () => {
      folder.write({
        house: folder.entry('house'),
        far: folder.entry('far', { token: { label: 'third' } }),
      })
    },
  )
  await staysAsItWas(t)
  const before = countReloads(service)
  const third = await createToken(folder.token.directory, 'third')
  await folder.importKey('far', third)
  await until('it is taken over', () => countReloads(service).takenOver > before.takenOver, 60_000)
  t.equal(countReloads(service).begun, before.begun, 'nothing has changed but the token')
  t.equal(await signsWith(url, 'far'), far.certificate.serialNumber)
  t.match(await reloadStatus(url), { outcome: 'taken over', reason: undefined, refused: 0, pending: 0 })
  await recovers(t)
})

t.test('a certificate that is not valid yet is waited for, unless files change again', async (t) => {
  const begins = (notBefore: Date) => {
    const { certificate } = folder.certify('house', { notBefore }, 'later.pem')
    folder.write({ house: folder.entry('house', { certificateFile: 'later.pem' }) })
    return certificate
  }
  const told =
    /^SIGNERS_FILE \/signers\/house\/certificateFile: later\.pem: The certificate of O=Test, CN=house is not valid before /
  const reason = /^a certificate is not valid now, or ends too soon$/
  await pends(t, told, reason, () => begins(new Date(Date.now() + 86_400_000)))
  await recovers(t)
  t.match(await reloadStatus(url), { outcome: 'taken over', pending: 0 })

  let later = house.certificate
  await pends(t, told, reason, () => {
    later = begins(new Date(Date.now() + 20_000))
  })
  const { takenOver } = countReloads(service)
  await until('it is taken over', () => countReloads(service).takenOver > takenOver, 120_000)
  t.equal(await signsWith(url, 'house'), later.serialNumber)
  await recovers(t)
})

t.test('a token that does not answer the login is not told the PIN again', async (t) => {
  const logins = module.calls('C_Login')
  module.plan('C_Login hang')
  const message =
    'SIGNERS_FILE /signers/far/key: no test signature could be made: the token did not answer the login in time; it is ' +
    'not tried again by itself, as wrong PINs lock the user'
  await refuses(t, [message], () => writeWith('far', { token: { label: 'second' } }))
  t.equal(module.calls('C_Login'), logins + 1)
  module.plan()
  await recovers(t)
})

t.test('a PIN that the token refuses is tried once, and again when it was changed', async (t) => {
  const change = { token: { label: 'second', pinFile: 'second-pin' } }
  const refusedOnce =
    'SIGNERS_FILE /signers/far/token/pinFile: no test signature could be made: the token refused the PIN (CKR_PIN_INCORRECT)'
  const notAgain =
    'SIGNERS_FILE /signers/far/token/pinFile: the token refused this PIN; it is tried again at SIGHUP, once its file or secret has changed'
  const sameFile =
    'SIGNERS_FILE /signers/far/token/pinFile: no test signature could be made: the token refused the PIN (it did so before)'
  const logins = module.calls('C_Login')
  const refusesAgain = async (message: string, act: () => unknown) => {
    const start = service.log().length
    t.equal(await afterReload(service, act), 'refused')
    refused += 1
    t.strictSame(problemsSince(service, start), [message])
  }
  writeFileSync(folder.path('second-pin'), 'wrong-pin-1\n')
  await refusesAgain(refusedOnce, () => writeWith('far', change))
  t.equal(module.calls('C_Login'), logins + 1)

  for (let count = 0; count < 3; count++) {
    await refuses(t, [notAgain], () => service.app.reload())
  }
  t.equal(module.calls('C_Login'), logins + 1, 'however often it is asked for')
  symlinkSync('second-pin', folder.path('linked-pin'))
  await refusesAgain(sameFile, () => writeWith('far', { token: { label: 'second', pinFile: 'linked-pin' } }))
  t.equal(module.calls('C_Login'), logins + 1, 'nor by another way to the same file')

  folder.put('second-pin', 'wrong-pin-1\n')
  await refusesAgain(notAgain, () => writeWith('far', { ...change, minimumDaysLeft: 1 }))
  t.equal(module.calls('C_Login'), logins + 1, 'a change of other files does not have it tried')
  await refusesAgain(refusedOnce, () => service.app.reload())
  await refusesAgain(notAgain, () => service.app.reload())
  t.equal(module.calls('C_Login'), logins + 2, 'written anew it is tried once, at SIGHUP')

  folder.put('second-pin', `${PIN}\n`)
  t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
  t.equal(await signsWith(url, 'far'), far.certificate.serialNumber)
  t.equal(await signsWith(url, 'house'), house.certificate.serialNumber)
  t.notMatch(service.log(), /wrong-pin|test-pin/)
  t.equal(running().length, 2)
})

t.test('what was refused leaves nothing behind', async (t) => {
  t.equal(await afterReload(service, () => folder.write(['other'])), 'taken over')
  t.equal(await signsWith(url, 'other'), other.certificate.serialNumber)
  t.equal(await signsWith(url, 'house'), 'UNKNOWN_SIGNER')
})
