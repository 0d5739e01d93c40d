import { execFileSync } from 'node:child_process'
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import t from 'tap'
import { ECDSA } from '../../../src/algorithms/ecdsa.ts'
import { findHashAlgorithm, type HashAlgorithm } from '../../../src/algorithms/hash-algorithms.ts'
import { parseForeignRequest } from '../../../src/cli/issuing/foreign-request.ts'
import { EXTENSION_REQUEST } from '../../../src/cli/issuing/issuing.ts'
import { TokenKey, TokenKeyEngine } from '../../../src/cms/token-key-engine.ts'
import { generateKeyFile, openssl, P_256, RSA_2048 } from '../../support/certificates.ts'
import { algorithm, POINT_AT_INFINITY, resign, SHA256_WITH_RSA } from '../../support/resigned.ts'

const directory = t.testdir()
const keyFile = generateKeyFile(directory, P_256)

/** A request that openssl makes, PEM. */
function request(...args: string[]): Buffer {
  const file = join(mkdtempSync(join(directory, 'request-')), 'request.pem')
  const key = args.includes('-key') ? [] : ['-key', keyFile]
  const subject = args.includes('-subj') ? [] : ['-subj', '/CN=Signer']
  execFileSync('openssl', ['req', '-new', ...key, ...subject, ...args, '-out', file], { stdio: 'pipe' })
  return readFileSync(file)
}

/** A request with extensions that openssl would not make. */
async function requestWith(attribute: asn1js.AsnType): Promise<Buffer> {
  const key = createPrivateKey(readFileSync(keyFile))
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const made = new pkijs.CertificationRequest({
    subjectPublicKeyInfo: pkijs.PublicKeyInfo.fromBER(spki),
    attributes: [new pkijs.Attribute({ type: EXTENSION_REQUEST, values: [attribute] })],
  })
  const hash = findHashAlgorithm('sha256') as HashAlgorithm
  const token = new TokenKey(ECDSA.certificateIdentifier(hash), async (data) => sign('sha256', data, key))
  await made.sign(token, 'SHA-256', new TokenKeyEngine())
  return Buffer.from(made.toSchema().toBER())
}

t.test('name, key and alternative names are as they stand in it', (t) => {
  const pem = request(
    '-addext',
    'subjectAltName=critical,email:a@example.com',
    '-subj',
    '/O=Example/CN=Signer',
  )
  const der = Buffer.from(pem.toString().replace(/-----.*-----|\n/g, ''), 'base64')
  for (const content of [pem, Buffer.from(pem.toString().replaceAll('CERT', 'NEW CERT')), der]) {
    const { subject, publicKey, alternativeNames } = parseForeignRequest(content)
    t.same(
      subject.typesAndValues.map(({ value }) => value.valueBlock.value),
      ['Example', 'Signer'],
    )
    t.same(publicKey, createPublicKey(readFileSync(keyFile)).export({ type: 'spki', format: 'der' }))
    t.same(
      alternativeNames.map(({ extnID, critical, parsedValue }) => [
        extnID,
        critical,
        parsedValue.altNames[0].value,
      ]),
      [['2.5.29.17', false, 'a@example.com']],
    )
  }
  t.end()
})

t.test('nothing else is taken over', (t) => {
  const content = request('-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=keyCertSign')
  t.same(parseForeignRequest(content).alternativeNames, [])
  t.end()
})

t.test('without a subject, the alternative names are critical', (t) => {
  const { alternativeNames } = parseForeignRequest(
    request('-subj', '/', '-addext', 'subjectAltName=DNS:a.test'),
  )
  t.match(alternativeNames, [{ critical: true }])
  t.throws(() => parseForeignRequest(request('-subj', '/')), { message: 'it names nobody' })
  const two = Buffer.concat([request('-subj', '/CN=one'), request('-subj', '/CN=two')])
  for (const several of [two, two.subarray(0, -20), two.subarray(0, 400)]) {
    t.throws(() => parseForeignRequest(several), { message: 'it has several certificate requests' })
  }
  const der = Buffer.from(`${request()}`.replace(/-----.*-----/g, ''), 'base64')
  t.ok(parseForeignRequest(der))
  t.throws(() => parseForeignRequest(Buffer.concat([der, der])), {
    message: 'it has something behind the certificate request',
  })
  t.end()
})

t.test('requests of RSA keys, with PKCS#1 v1.5 and PSS', (t) => {
  const rsa = generateKeyFile(directory, RSA_2048)
  const pss = generateKeyFile(directory, ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'])
  const salted = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest']
  for (const args of [
    ['-key', rsa, '-sha384'],
    ['-key', rsa, ...salted],
    ['-key', pss, '-sigopt', 'rsa_pss_saltlen:digest'],
  ]) {
    const { publicKey } = parseForeignRequest(request(...args))
    t.same(publicKey, createPublicKey(readFileSync(`${args[1]}`)).export({ type: 'spki', format: 'der' }))
  }
  t.end()
})

t.test('keys that do not sign here', (t) => {
  const small = generateKeyFile(directory, ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'])
  t.throws(() => parseForeignRequest(request('-key', small)), {
    message:
      'its key must be RSA with 2048 to 4096 bits, or EC on P-256, P-384 or P-521; it has RSA with 1024 bits',
  })
  const der = Buffer.from(
    request()
      .toString()
      .replace(/-----.*-----|\n/g, ''),
    'base64',
  )
  const ecPublicKey = Buffer.from('06072a8648ce3d0201', 'hex')
  // The key is third in what is signed, after version and subject
  const pointless = resign(der, keyFile, { 2: POINT_AT_INFINITY })
  t.throws(() => parseForeignRequest(pointless), {
    message: /it has the point at infinity in place of a key$/,
  })
  der.writeUInt8(0x63, der.indexOf(ecPublicKey) + ecPublicKey.length - 1)
  t.throws(() => parseForeignRequest(der), { message: /it has a key of an unknown type$/ })
  t.end()
})

t.test('a request that was changed, or that another key has signed', (t) => {
  const der = Buffer.from(
    request()
      .toString()
      .replace(/-----.*-----|\n/g, ''),
    'base64',
  )
  der.write('Singer', der.indexOf('Signer'))
  t.throws(() => parseForeignRequest(der), { message: /^its signature is not that of its own key/ })
  t.end()
})

t.test('a hash that can be forged', (t) => {
  const rsa = generateKeyFile(directory, RSA_2048)
  t.throws(() => parseForeignRequest(request('-key', rsa, '-md5')), {
    message: 'its signature algorithm, 1.2.840.113549.1.1.4, is not supported',
  })
  t.end()
})

t.test('a key whose curve is spelled out, and one whose point is compressed', async (t) => {
  const explicit = join(directory, 'explicit.pem')
  openssl('pkey', '-in', keyFile, '-ec_param_enc', 'explicit', '-out', explicit)
  t.throws(() => parseForeignRequest(request('-key', explicit)), {
    message:
      /^its key must be RSA .*; it has EC with explicit curve parameters in place of the name of a curve/,
  })
  const compressed = join(directory, 'compressed.pem')
  openssl('pkey', '-in', keyFile, '-ec_conv_form', 'compressed', '-out', compressed)
  const { publicKey } = parseForeignRequest(request('-key', compressed))
  t.equal(publicKey.length, 59)
})

t.test('a signature algorithm of RSA without parameters, and one that tells no hash', async (t) => {
  const rsa = generateKeyFile(directory, RSA_2048)
  const pem = request('-key', rsa).toString()
  const der = Buffer.from(pem.replace(/-----.*-----|\n/g, ''), 'base64')
  for (const form of ['null', 'absent'] as const) {
    t.ok(parseForeignRequest(resign(der, rsa, {}, algorithm(SHA256_WITH_RSA, form))), form)
  }
  t.throws(() => parseForeignRequest(resign(der, rsa, {}, algorithm('1.2.840.113549.1.1.1', 'null'))), {
    message: 'its signature algorithm, 1.2.840.113549.1.1.1, is not supported',
  })
})

t.test('extensions that cannot be read', async (t) => {
  const none = await requestWith(new asn1js.Integer({ value: 1 }))
  t.throws(() => parseForeignRequest(none), { message: 'the extensions that it asks for cannot be read' })
  const extnValue = new asn1js.Integer({ value: 1 }).toBER()
  const extension = new pkijs.Extension({ extnID: pkijs.id_SubjectAltName, critical: false, extnValue })
  const unreadable = await requestWith(new pkijs.Extensions({ extensions: [extension] }).toSchema())
  t.throws(() => parseForeignRequest(unreadable), {
    message: 'its subject alternative names cannot be read',
  })
})

t.test('what is no request', (t) => {
  writeFileSync(join(directory, 'empty'), '')
  for (const content of [
    '',
    'text',
    '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----',
  ]) {
    t.throws(() => parseForeignRequest(Buffer.from(content)), {
      message: 'it is no certificate request, neither PEM nor DER',
    })
  }
  t.end()
})
