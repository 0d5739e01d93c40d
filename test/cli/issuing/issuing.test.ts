import { execFileSync } from 'node:child_process'
import { createPrivateKey, createPublicKey, sign, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { ECDSA } from '../../../src/algorithms/ecdsa.ts'
import { findHashAlgorithm, type HashAlgorithm } from '../../../src/algorithms/hash-algorithms.ts'
import { parseDistinguishedName } from '../../../src/cli/issuing/distinguished-name.ts'
import { issueCertificate } from '../../../src/cli/issuing/issuing.ts'
import { generateKeyFile, P_256 } from '../../support/certificates.ts'

const key = createPrivateKey(readFileSync(generateKeyFile(t.testdir(), P_256)))
const publicKey = createPublicKey(key)

function create(notAfter: Date): Promise<Buffer> {
  const order = {
    subject: parseDistinguishedName('CN=Subject,O=Example'),
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    alternativeNames: [],
    ca: false,
    eku: 'none',
    days: 20_000,
  } as const
  const signer = {
    publicKey,
    algorithm: ECDSA,
    hash: findHashAlgorithm('sha384') as HashAlgorithm,
    sign: async (data: Uint8Array) => sign('sha384', data, key),
  }
  const name = parseDistinguishedName('CN=Issuer+OU=Unit,O=Example')
  return issueCertificate(order, signer, { name, keyIdentifier: Buffer.of(1), notAfter })
}

t.test('times are as RFC 5280 says, up to 2049 and from 2050 on', async (t) => {
  for (const [time, type] of [
    ['2049-12-31T23:59:59.000Z', /UTCTIME +:491231235959Z/],
    ['2050-01-01T00:00:00.000Z', /GENERALIZEDTIME +:20500101000000Z/],
  ] as const) {
    const der = await create(new Date(time))
    const certificate = new X509Certificate(der)
    t.equal(new Date(certificate.validTo).toISOString(), time)
    t.ok(certificate.verify(publicKey))
    t.match(certificate, {
      subject: 'O=Example\nCN=Subject',
      issuer: /^O=Example\nOU=Unit ?\+ ?CN=Issuer$/,
    })
    const text = execFileSync('openssl', ['asn1parse', '-inform', 'DER'], { input: der, encoding: 'utf8' })
    t.match(text, type)
    t.match(text, /UTCTIME +:\d{12}Z/)
  }
})

t.test('serial numbers are positive, of 128 random bits, and no two alike', async (t) => {
  const notAfter = new Date('2027-01-01T00:00:00Z')
  const numbers = await Promise.all(
    Array.from({ length: 64 }, async () => new X509Certificate(await create(notAfter)).serialNumber),
  )
  t.equal(new Set(numbers).size, 64)
  t.ok(numbers.every((number) => /^[0-9A-F]{24,32}$/.test(number)))
  t.ok(numbers.some((number) => number.length === 32 && number >= '8'))
})
