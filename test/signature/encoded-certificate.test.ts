import { execFileSync } from 'node:child_process'
import t from 'tap'
import { EncodedCertificate } from '../../src/signature/encoded-certificate.ts'

const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=Somebody']
const der = execFileSync('openssl', ['req', '-x509', ...key, '-outform', 'DER'], {
  stdio: ['ignore', 'pipe', 'ignore'],
})

t.test('a certificate comes out as the bytes that went in', async (t) => {
  t.same(Buffer.from(new EncodedCertificate(der).toSchema().toBER()), der)
})

t.test('one that is not strictly DER does as well', async (t) => {
  // The length of the whole in one octet more than it takes (X.690 10.1 forbids it, 8.1.3.5 does not)
  const lax = Buffer.concat([Buffer.from([0x30, 0x83, 0]), der.subarray(2)])
  const encoded = Buffer.from(new EncodedCertificate(lax).toSchema().toBER())
  t.same(encoded.subarray(-der.length + 4), der.subarray(4), 'all but the length')
})

t.test('bytes that are not exactly one certificate are refused', async (t) => {
  const refused = { name: 'TypeError', message: 'not one DER certificate' }
  t.throws(() => new EncodedCertificate(Buffer.concat([der, Buffer.alloc(1)])), refused)
  t.throws(() => new EncodedCertificate(der.subarray(0, -1)), refused)
  t.throws(() => new EncodedCertificate(Buffer.alloc(0)), refused)
  t.throws(() => new EncodedCertificate(Buffer.from('3003020101', 'hex')))
})
