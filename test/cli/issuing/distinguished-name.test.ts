import { execFileSync } from 'node:child_process'
import * as pkijs from 'pkijs'
import t from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../../src/algorithms/hash-algorithms.ts'
import { RSA_PKCS1 } from '../../../src/algorithms/rsa-pkcs1.ts'
import { parseDistinguishedName } from '../../../src/cli/issuing/distinguished-name.ts'
import { createCertificationRequest } from '../../../src/cli/issuing/issuing.ts'
import { issue } from '../../support/certificates.ts'

const { certificate } = issue(t.testdir(), { subject: '/CN=any' })

/** What openssl reads in the name, as RFC 2253 writes it. */
async function judge(name: string): Promise<string> {
  const der = await createCertificationRequest(parseDistinguishedName(name), [], {
    publicKey: certificate.publicKey,
    hash: findHashAlgorithm('sha256') as HashAlgorithm,
    algorithm: RSA_PKCS1,
    sign: async () => Buffer.alloc(256),
  })
  const args = ['req', '-inform', 'DER', '-noout', '-subject', '-nameopt', 'RFC2253,utf8,-esc_msb']
  return execFileSync('openssl', args, { input: der, encoding: 'utf8' }).slice('subject='.length, -1)
}

t.test('names that openssl reads as they were meant', async (t) => {
  for (const name of [
    'CN=Signer,O=Example,C=DE',
    'CN=Signer,OU=second,OU=first,DC=example,DC=com',
    'CN=Müller \\+ Söhne\\, \\"AG\\" \\\\ \\<x\\>\\;',
    'CN=\\#a = b',
    'CN=\\ blanks about\\ ',
    'serialNumber=12-3,emailAddress=a@example.com,GN=Ada,SN=Lovelace,title=Dr.,UID=ada,L=London,ST=Kent,street=1 High Street',
    'organizationIdentifier=VATDE-123456789',
  ]) {
    t.equal(await judge(name), name)
  }
})

t.test('blanks, the case of keywords, bytes and object identifiers', async (t) => {
  t.equal(await judge(' cn = Signer  One , o=Example , C=DE '), 'CN=Signer  One,O=Example,C=DE')
  t.equal(await judge('CN=M\\C3\\BCller\\2C x'), 'CN=Müller\\, x')
  t.equal(await judge('2.5.4.3=Signer'), 'CN=Signer')
  t.equal(await judge('CN=b+OU=a'), 'OU=a+CN=b')
})

t.test('names that are none', (t) => {
  for (const [name, message] of [
    ['', /^"" does not begin with an attribute such as CN=Signer; a backslash/],
    ['Signer', /^"Signer" does not begin/],
    ['CN=', /^"CN=" does not begin/],
    ['CN=a,', /^"" does not begin/],
    ['CN=a,,O=b', /^",O=b" does not begin/],
    ['/C=DE/CN=a', /^"\/C=DE\/CN=a" does not begin/],
    ['CN=a;O=b', /^"CN=a;O=b"/],
    ['CN="a"', /^"CN=\\"a\\""/],
    ['CN=#0401', /^"CN=#0401"/],
    ['CN=a\nb', /^"CN=a\\nb"/],
    ['CN=a\\x', /^"CN=a\\\\x"/],
    ['9.1=a', /^"9\.1=a"/],
    ['CN=\\FF', 'the value of CN is not UTF-8'],
    ['CN=a\\00b', /^the value of CN holds a control character/],
    ['X=a', 'X is not an attribute that is known; its object identifier can be written instead'],
    [`CN=${'a'.repeat(65)}`, 'the value of CN has more than 64 characters'],
    ['C=de', "the value of C must be a country's two capital letters, such as DE"],
    ['serialNumber=a*', /^the value of serialNumber may hold only letters/],
    ['DC=ä', 'the value of DC may hold only ASCII'],
  ] as const) {
    t.throws(() => parseDistinguishedName(name), { message }, name)
  }
  t.end()
})

t.test('what CAs want as printable, as ASCII and as UTF-8', (t) => {
  const [c, dc, cn] = pkijs.RelativeDistinguishedNames.fromBER(
    parseDistinguishedName('CN=a,DC=b,C=DE').toSchema().toBER(),
  ).typesAndValues.map(({ value }) => value.constructor.name)
  t.same([c, dc, cn], ['PrintableString', 'IA5String', 'Utf8String'])
  t.end()
})
