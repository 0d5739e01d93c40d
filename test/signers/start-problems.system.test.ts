/** What is wrong with signers at the start, each thing by its place in their file. */
import { execFileSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { loadConfiguration } from '../../src/configuration/load.ts'
import type { ConfigurationError, ConfigurationProblem } from '../../src/errors.ts'
import { issue, writeBundle } from '../support/certificates.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { send } from '../support/http.ts'
import { checkRefusal } from '../support/refusal.ts'
import { logLines, signsWith } from '../support/reload.ts'
import {
  CERTIFICATE,
  reissue,
  validityOf,
  withCompressedPoint,
  withExplicitCurve,
} from '../support/resigned.ts'
import { startServerProcess } from '../support/server-process.ts'
import { startReadyService, startService } from '../support/service.ts'
import { createSignersFolder, tokenFor } from '../support/signers.ts'
import { until } from '../support/signing.ts'
import { importKey } from '../support/token.ts'

const PAST = new Date('2020-01-01T00:00:00Z')
const EXPIRED = new Date('2021-02-03T04:05:06Z')
const CONTAINER = { action: 'sign_pkcs7', encoded_contents: 'AAAA', signature_type: 'cms' }

const folder = await createSignersFolder(t.testdir())
const rsa = await folder.addKey('rsa', 'rsa')
const house = await folder.addKey('house')
const other = await folder.addKey('other')
// A second key with the label of another
const twin = issue(folder.directory, { subject: '/CN=twin' })
await importKey(folder.token, twin.keyFile, { label: 'house', id: 'aa' })
const module = await createFaultyModule(folder.directory, folder.environment)
const environment = { ...module.environment, SIGNERS_RELOAD_INTERVAL_MS: '0', HSM_SESSIONS: '1' }

function place(signer: string, property: string): string {
  return `SIGNERS_FILE /signers/${signer}/${property}`
}

/** What `openssl x509 -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256` prints. */
function fingerprint({ certificateFile }: { certificateFile: string }): string {
  const script =
    'openssl x509 -in "$0" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256'
  return execFileSync('sh', ['-c', script, certificateFile], { encoding: 'utf8' }).replace(/^.*= |\n/g, '')
}

function problemsInFile(): readonly ConfigurationProblem[] {
  try {
    loadConfiguration(environment)
    return []
  } catch (error) {
    return (error as ConfigurationError).problems
  }
}

/** Starts it and waits until the token has told what is wrong. */
async function problemsOf(t: Test): Promise<readonly ConfigurationProblem[]> {
  const service = await startService(t, environment)
  await until('the token was reached', () => service.misconfigured.length > 0)
  t.equal(service.misconfigured.length, 1, 'it is told once')
  const problems = service.misconfigured[0]?.problems ?? []
  return problems.map(({ variable, message, token }) => {
    t.match(token, { token: 'test', pinFile: folder.environment.HSM_PIN_FILE })
    return { variable, message }
  })
}

t.test('keys that are not there, or not unambiguously, or belong to another certificate', async (t) => {
  folder.write({
    rsa: folder.entry('rsa'),
    'no-such-id': folder.entry('rsa', { key: { id: 'FFFF' } }),
    'no-such-label': folder.entry('rsa', { key: 'pkcs11:object=nobody' }),
    ambiguous: { key: { label: 'house' } },
    'certificate-of-another': folder.entry('house', { key: { label: 'rsa' } }),
    'certificate-of-no-key': folder.entry('house', { key: { label: 'house' }, certificateFile: 'alone.pem' }),
    uncertified: { key: { label: 'other' } },
  })
  const alone = issue(folder.directory, { subject: '/CN=alone', issuer: folder.issuing })
  folder.put('alone.pem', String(alone.certificate))
  const id = (name: string) => Buffer.from(name).toString('hex')
  const describe = (label: string, id: string, issued: { certificateFile: string }) =>
    `label "${label}" id ${id} fingerprint ${fingerprint(issued)}`
  const keys = [
    describe('rsa', id('rsa'), rsa),
    describe('house', id('house'), house),
    describe('house', 'aa', twin),
    describe('other', id('other'), other),
  ]
  /** In whatever order the token lists its keys. */
  const listed = (message: string) => {
    const [before = '', list = ''] = message.split('; there are: ')
    return [before, list.split('; ').sort()]
  }
  const problems = (await problemsOf(t)).map(({ variable, message }) => [variable, ...listed(message)])
  const twins = keys.slice(1, 3).sort()
  const described = twins.map((key) => `${key} EC P-256 without a certificate on the token`)
  t.strictSame(problems, [
    [place('no-such-id', 'key'), 'no private key fits id ffff', keys.toSorted()],
    [place('no-such-label', 'key'), 'no private key fits label nobody', keys.toSorted()],
    [
      place('ambiguous', 'key'),
      'several private keys fit, choose one by its label or id, or configure its certificate; where keys have all of ' +
        "these in common, give each a CKA_ID of its own with a tool of the HSM's, or delete the others",
      described,
    ],
    [
      place('certificate-of-another', 'certificateFile'),
      `house.pem is not the certificate of the private key: the certificate's public key has the SHA-256 fingerprint ` +
        `${fingerprint(house)}, the private key's ${fingerprint(rsa)}; it belongs to the private key with label ` +
        `"house" id ${id('house')}: choose that one with ` +
        `${place('certificate-of-another', 'key')}, or configure the ` +
        'certificate that was issued for this key',
      [''],
    ],
    [
      place('certificate-of-no-key', 'certificateFile'),
      "alone.pem is not the certificate of a private key on the token: the certificate's EC public key has the SHA-256 " +
        `fingerprint ${fingerprint(alone)}`,
      twins,
    ],
    [
      place('uncertified', 'certificateFile'),
      'is required, since the token holds no certificate that matches the private key',
      [''],
    ],
  ])
})

t.test('a label that several keys have does where the certificate tells them apart', async (t) => {
  folder.write(['house'])
  const service = await startReadyService(t, environment)
  t.equal(await signsWith(service.url, 'house'), house.certificate.serialNumber)
})

t.test('mechanisms that the token does not offer', async (t) => {
  folder.write({
    rsa: folder.entry('rsa'),
    pss: folder.entry('rsa', { signatureAlgorithm: 'rsassa-pss' }),
    ec: folder.entry('other'),
  })
  for (const rule of ['return CKR_MECHANISM_INVALID', 'no-signing']) {
    module.plan(`C_GetMechanismInfo ${rule}`)
    const advice = 'choose another key or token, or have the HSM allow it'
    t.strictSame(
      await problemsOf(t),
      [
        ['rsa', 'CKM_RSA_PKCS'],
        ['pss', 'CKM_RSA_PKCS_PSS'],
        ['ec', 'CKM_ECDSA'],
      ].map(([signer, mechanism]) => ({
        variable: place(`${signer}`, 'key'),
        message: `the token does not offer ${mechanism} for signatures; ${advice}`,
      })),
    )
  }
  module.plan()
})

t.test('a token that refuses for good to sign with a key that has never signed', async (t) => {
  t.teardown(() => module.plan())
  folder.write({ rsa: folder.entry('rsa'), ec: folder.entry('other') })
  const id = (name: string) => Buffer.from(name).toString('hex')
  const message = (name: string, returnValue: string, meaning: string) =>
    `the token refuses to sign with the private key with label "${name}" id ${id(name)} (${returnValue}): ${meaning}; ` +
    'have the HSM allow it, or choose another key'
  for (const [call, returnValue, meaning] of [
    [
      'C_SignInit',
      'CKR_KEY_FUNCTION_NOT_PERMITTED',
      'the key, or a policy of the HSM, does not allow it to sign',
    ],
    ['C_SignInit', 'CKR_MECHANISM_INVALID', 'the HSM does not allow the mechanism for this key'],
    ['C_SignInit', 'CKR_KEY_TYPE_INCONSISTENT', 'the key is of another type than the mechanism'],
    ['C_SignInit', 'CKR_KEY_SIZE_RANGE', 'the HSM does not sign with keys of its size'],
    ['C_Sign', 'CKR_DATA_LEN_RANGE', 'the HSM does not sign a digest of this length with this key'],
  ] as const) {
    t.test(returnValue, async (t) => {
      module.plan(`${call} return ${returnValue}`)
      const processes = module.processes().length
      t.strictSame(await problemsOf(t), [
        { variable: place('rsa', 'key'), message: message('rsa', returnValue, meaning) },
      ])
      t.equal(module.processes().length, processes + 1, 'no other process tries it')
    })
  }
  t.test('the second key of the token', async (t) => {
    const returnValue = 'CKR_KEY_FUNCTION_NOT_PERMITTED'
    module.plan(`C_SignInit return ${returnValue} after=1`)
    const meaning = 'the key, or a policy of the HSM, does not allow it to sign'
    t.strictSame(await problemsOf(t), [
      { variable: place('ec', 'key'), message: message('other', returnValue, meaning) },
    ])
  })
  t.test('the process ends with exit code 78', async (t) => {
    module.plan('C_SignInit return CKR_KEY_FUNCTION_NOT_PERMITTED')
    const { exited } = startServerProcess(t, environment)
    t.same(await exited, { code: 78, signal: null })
  })
})

t.test('signatures that do not verify, of a key whose public half the token hides', async (t) => {
  module.plan('C_GetAttributeValue refuse CKA_EC_POINT CKR_ATTRIBUTE_SENSITIVE')
  folder.put('of-another.pem', String(house.certificate))
  const wrong = folder.entry('other', { certificateFile: 'of-another.pem' })
  const message =
    'of-another.pem: test signatures do not verify with it: configure the certificate that was issued for this key, or choose the ' +
    `key with ${place('wrong', 'key')}; if both are right, the HSM is faulty`
  for (const [which, signers] of [
    ['the first', { wrong }],
    ['the second', { rsa: folder.entry('rsa'), wrong }],
  ] as const) {
    t.test(`${which} key of the token`, async (t) => {
      folder.write(signers)
      t.strictSame(await problemsOf(t), [{ variable: place('wrong', 'certificateFile'), message }])
    })
  }
  t.test('the process ends with exit code 78', async (t) => {
    folder.write({ wrong })
    const { exited, output } = startServerProcess(t, environment)
    t.same(await exited, { code: 78, signal: null })
    const fatal = logLines(output()).filter(({ level }) => level === 60)
    const variable = place('wrong', 'certificateFile')
    t.match(fatal, [{ variable, token: 'test', signers: ['wrong'], msg: `${variable}: ${message}` }])
    t.equal(fatal.length, 1)
  })
  t.test('a certificate with a key of another type is known without a signature', async (t) => {
    folder.write({
      'of-rsa': folder.entry('rsa', { key: { label: 'other' } }),
      'of-ec': folder.entry('other', { key: { id: Buffer.from('rsa').toString('hex') } }),
    })
    const problems = (await problemsOf(t)).map(({ variable, message }) => [variable, message])
    t.match(problems, [
      [
        place('of-rsa', 'certificateFile'),
        /not the certificate of one of these private keys, .*: the certificate's RSA public key .*; there are: label "other" id \w+ EC P-256$/,
      ],
      [place('of-ec', 'certificateFile'), /not the certificate of the private key/],
    ])
    const { exited } = startServerProcess(t, environment)
    t.same(await exited, { code: 78, signal: null })
  })
  t.test('the right certificate signs', async (t) => {
    folder.write(['other'])
    const service = await startReadyService(t, environment)
    t.equal(await signsWith(service.url, 'other'), other.certificate.serialNumber)
  })
})

t.test('a token that is not there: the service stays, and is not ready', async (t) => {
  module.plan()
  folder.write({ house: folder.entry('house', { token: { label: 'nowhere' } }) })
  const service = await startService(t, environment)
  const missing = /^no token fits label nowhere; there are: label "test" serial [0-9a-f]+ slot 0$/
  await until('it is missed', () => logLines(service.log()).some(({ msg }) => missing.test(msg)))
  const { statusCode, json } = await send(`${service.url}/health/ready`)
  t.equal(statusCode, 503)
  t.match(json(), {
    hsm: { state: 'unavailable', reason: 'the token is not present' },
    signers: { house: { state: 'unavailable', reason: 'the token is not present', token: 'nowhere' } },
  })
  t.strictSame(service.misconfigured, [])
  checkRefusal(t, await service.sign(CONTAINER), {
    ...{ statusCode: 503, code: 'HSM_UNAVAILABLE', message: /health\/ready/ },
  })
})

t.test('certificates that cannot be those of a signer are found before a token is asked', async (t) => {
  const { certificate: authority } = folder.issuing
  folder.put('authority.pem', String(authority))
  writeBundle(folder.path('wrong-order.pem'), [folder.root.certificate, authority, house.certificate])
  folder.write({
    house: folder.entry('house'),
    authority: folder.entry('house', { certificateFile: 'authority.pem' }),
    'wrong-order': folder.entry('house', { certificateFile: 'wrong-order.pem' }),
    unfit: folder.entry('house', { signatureAlgorithm: 'rsassa-pss' }),
  })
  const is = (name: string) =>
    `is the certificate of a certificate authority (O=Test, CN=${name}), not of a signer`
  t.strictSame(problemsInFile(), [
    {
      variable: place('authority', 'certificateFile'),
      message: `authority.pem ${is('Issuing CA')}; put the signer certificate first`,
    },
    {
      variable: place('wrong-order', 'certificateFile'),
      message: `wrong-order.pem ${is('Root')}; the file is in the wrong order: put the certificate of O=Test, CN=house first`,
    },
    {
      variable: place('unfit', 'signatureAlgorithm'),
      message: 'rsassa-pss does not fit the certificate, whose key is of type ec: leave it out, or set ecdsa',
    },
  ])
})

t.test('times that are none end the process with exit code 78, of a signer and of an issuer', async (t) => {
  const fields = { [CERTIFICATE.validity]: validityOf('251301000000Z', '491231235959Z') }
  const signer = reissue(house, folder.issuing, fields)
  const authority = reissue(folder.issuing, folder.root, fields)
  folder.put('month-13.pem', String(signer.certificate))
  writeBundle(folder.path('month-13-ca.pem'), [authority.certificate, folder.root.certificate])
  folder.write({
    house: folder.entry('house', { certificateFile: 'month-13.pem' }),
    other: folder.entry('house', { caFile: 'month-13-ca.pem' }),
  })
  const { exited, output } = startServerProcess(t, environment)
  t.same(await exited, { code: 78, signal: null })
  const problem =
    'certificate 1 in it is not encoded as RFC 5280 says (it is no DER of this kind: "251301000000Z" is not a time of ' +
    'RFC 5280 4.1.2.5); copy it once more, or have it issued anew'
  t.strictSame(
    logLines(output())
      .filter(({ level }) => level === 60)
      .map(({ msg }) => msg),
    [
      `${place('house', 'certificateFile')}: month-13.pem: ${problem}`,
      `${place('other', 'caFile')}: month-13-ca.pem: ${problem}`,
    ],
  )
})

t.test('level b-lt for a certificate about which nobody can be asked ends the start', async (t) => {
  folder.write(['house', 'other'])
  const { exited, output } = startServerProcess(t, {
    ...{ ...environment, LEVEL: 'b-lt', TSA_URL: 'http://127.0.0.1:9' },
    TSA_CA_FILE: folder.root.certificateFile,
  })
  t.same(await exited, { code: 78, signal: null })
  const fatal = logLines(output()).filter(({ level }) => level === 60)
  const of = (name: string, subject: string) => ({
    variable: place(name, 'certificateFile'),
    msg:
      `${place(name, 'certificateFile')}: containers of level b-lt cannot be made: the certificate of O=Test, CN=${subject} ` +
      'names neither an OCSP responder nor a CRL that could be asked over http or https; have it issued with one of them, ' +
      'or choose another level (LEVEL, or level of the signer), or what is made in their place (REVOCATION_FALLBACK, or ' +
      'revocationFallback of the signer)',
  })
  t.match(fatal, [
    ...[of('house', 'house'), of('house', 'Issuing CA')],
    ...[of('other', 'other'), of('other', 'Issuing CA')],
  ])
})

t.test('an end before the beginning, of a signer and of an issuer', async (t) => {
  const fields = { [CERTIFICATE.validity]: validityOf('260102000000Z', '260101000000Z') }
  const authority = reissue(folder.issuing, folder.root, fields)
  folder.put('inverted.pem', String(reissue(house, folder.issuing, fields).certificate))
  writeBundle(folder.path('inverted-ca.pem'), [authority.certificate, folder.root.certificate])
  folder.write({
    house: folder.entry('house', { certificateFile: 'inverted.pem' }),
    other: folder.entry('house', { caFile: 'inverted-ca.pem' }),
  })
  const never =
    'is never valid: its notBefore, 2026-01-02T00:00:00.000Z, is later than its notAfter, 2026-01-01T00:00:00.000Z; ' +
    'have it issued anew'
  t.strictSame(problemsInFile(), [
    { variable: place('house', 'certificateFile'), message: `inverted.pem ${never}` },
    {
      variable: place('other', 'caFile'),
      message: `inverted-ca.pem: the certificate of O=Test, CN=Issuing CA ${never}`,
    },
  ])
})

t.test('a key whose curve is spelled out is called that, before a token is asked', async (t) => {
  const explicit = reissue(house, folder.issuing, { [CERTIFICATE.key]: withExplicitCurve(house) })
  folder.put('explicit.pem', String(explicit.certificate))
  folder.write({ house: folder.entry('house', { certificateFile: 'explicit.pem' }) })
  t.match(problemsInFile(), [
    {
      variable: place('house', 'certificateFile'),
      message:
        /^explicit.pem: the signer certificate must have a key that is .*; this one has EC with explicit curve parameters in/,
    },
  ])
})

t.test('a certificate with the compressed point of a key is the certificate of that key', async (t) => {
  folder.put(
    'compressed.pem',
    String(reissue(house, folder.issuing, { [CERTIFICATE.key]: withCompressedPoint(house) }).certificate),
  )
  folder.write({ house: folder.entry('house', { certificateFile: 'compressed.pem' }) })
  const service = await startReadyService(t, environment)
  t.equal(await signsWith(service.url, 'house'), house.certificate.serialNumber)
})

t.test('chains that are not what they should be are warned about', async (t) => {
  const expired = issue(folder.path('ca'), {
    ...{ subject: '/O=Test/CN=Issuing CA', ca: true, issuer: folder.root, keyFile: folder.issuing.keyFile },
    ...{ notBefore: PAST, notAfter: EXPIRED },
  })
  writeBundle(folder.path('expired-ca.pem'), [expired.certificate, folder.root.certificate])
  folder.put('root-alone.pem', String(folder.root.certificate))
  folder.write({
    house: folder.entry('house'),
    expired: folder.entry('house', { caFile: 'expired-ca.pem' }),
    gap: folder.entry('house', { caFile: 'root-alone.pem' }),
  })
  const service = await startReadyService(t, environment)
  const ask = (signer: string) => service.sign({ ...CONTAINER, signing_token: tokenFor(signer) })
  const told = logLines(service.log()).filter(
    ({ level, msg }) => level === 40 && !/nor that of a CRL|^the private key with/.test(msg),
  )
  const message = 'The certificate of O=Test, CN=Issuing CA expired at 2021-02-03T04:05:06.000Z; renew it'
  t.match(told, [
    { signer: 'expired', msg: `${message}. Nothing is signed at present` },
    {
      signer: 'gap',
      msg:
        'the chain is incomplete: missing is the certificate of O=Test, CN=Issuing CA, which issued that of O=Test, ' +
        'CN=house; add it to the CA certificates, so that validators find their way to the root (1 other ' +
        'certificate is there, but not connected to it: the missing one may be the one in between)',
    },
  ])
  t.equal(told.length, 2)
  checkRefusal(t, await ask('expired'), { statusCode: 500, code: 'CERTIFICATE_NOT_VALID', message })
  t.equal((await ask('gap')).statusCode, 200)
  t.equal((await ask('house')).statusCode, 200)
  const { statusCode, json } = await send(`${service.url}/health/ready`)
  t.equal(statusCode, 200)
  t.match(json(), {
    signers: {
      ...{ house: { state: 'ready' }, gap: { state: 'ready' } },
      expired: { state: 'certificate not valid', reason: message },
    },
    certificate: { valid: true },
  })
})
