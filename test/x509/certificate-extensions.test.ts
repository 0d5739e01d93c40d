import t from 'tap'
import { readCertificateExtensions } from '../../src/x509/certificate-extensions.ts'
import { issue } from '../support/certificates.ts'

const directory = t.testdir()
const NO_ADDRESSES = {
  ...{ ocsp: [], crl: [], distributionPoints: [], namesOwnIssuer: false },
  delta: { asked: [], ignored: [] },
  ignored: { ocsp: [], crl: [] },
}

function read(...extensions: string[]) {
  return readCertificateExtensions(issue(directory, { subject: '/CN=Any', extensions }).certificate)
}

t.test('a certificate without extensions, which is one of version 1', async (t) => {
  t.strictSame(read(), {
    version: 1,
    critical: [],
    ca: false,
    pathLength: Number.POSITIVE_INFINITY,
    keyUsage: undefined,
    extendedKeyUsage: undefined,
    netscapeTypes: undefined,
    addresses: NO_ADDRESSES,
    neverRevoked: false,
    nameConstraints: undefined,
  })
})

t.test('of an authority', async (t) => {
  t.match(read('basicConstraints = critical, CA:TRUE', 'keyUsage = keyCertSign'), {
    version: 3,
    critical: ['2.5.29.19'],
    ca: true,
    pathLength: Number.POSITIVE_INFINITY,
    keyUsage: ['keyCertSign'],
  })
  t.match(read('basicConstraints = CA:TRUE, pathlen:2', 'extendedKeyUsage = critical, OCSPSigning'), {
    critical: ['2.5.29.37'],
    pathLength: 2,
    extendedKeyUsage: ['1.3.6.1.5.5.7.3.9'],
  })
  t.match(read('basicConstraints = CA:FALSE'), { ca: false })
  for (const unreadable of ['30020100', '30040102ffff']) {
    t.match(read(`2.5.29.19 = DER:${unreadable}`), { ca: false }, 'a BOOLEAN has one octet')
  }
})

t.test('one that is never revoked', async (t) => {
  const ocsp = 'authorityInfoAccess = OCSP;URI:http://ocsp.test/'
  for (const id of ['2.5.29.56', '0.4.0.194121.2.1']) {
    const never = `${id} = DER:0500`
    t.equal(read(never).neverRevoked, true)
    t.equal(read(never, 'basicConstraints = CA:TRUE').neverRevoked, false, 'an authority may be')
    t.equal(read(never, ocsp).neverRevoked, false, 'somebody can be asked about it')
  }
  t.equal(read('keyUsage = digitalSignature').neverRevoked, false)
})

t.test('every key usage, alone and with the others', async (t) => {
  const all = [
    ...['digitalSignature', 'nonRepudiation', 'keyEncipherment', 'dataEncipherment', 'keyAgreement'],
    ...['keyCertSign', 'cRLSign', 'encipherOnly', 'decipherOnly'],
  ]
  for (const usage of all) {
    t.strictSame(read(`keyUsage = ${usage}`).keyUsage, [usage])
  }
  t.strictSame(read(`keyUsage = ${all.join(', ')}`).keyUsage, all)
})

t.test('where to ask about revocation, and what it allows others to be called', async (t) => {
  const { addresses, nameConstraints } = read(
    'authorityInfoAccess = caIssuers;URI:http://ca.test/, OCSP;URI:http://ocsp.test/',
    'crlDistributionPoints = URI:ldap://ca.test/crl',
    'nameConstraints = permitted;DNS:test, excluded;email:a@test, excluded;URI:.test',
  )
  t.strictSame(addresses.ocsp.map(String), ['http://ocsp.test/'])
  t.match(addresses.ignored, { ocsp: [], crl: [{ address: 'ldap://ca.test/crl' }] })
  t.match(nameConstraints, { permitted: { length: 1 }, excluded: { length: 2 } })
})

t.test('a limit that is larger than any path', async (t) => {
  t.equal(read('2.5.29.19 = DER:300b0101ff020600ffffffffff').pathLength, Number.POSITIVE_INFINITY)
})

t.test('what is there but cannot be read allows nothing', async (t) => {
  // NULL, and an octet string that ends too early
  for (const value of ['0500', '0405']) {
    const ids = ['2.5.29.19', '2.5.29.15', '2.5.29.37', '2.5.29.31', '2.5.29.30', '1.3.6.1.5.5.7.1.1']
    t.match(read(...ids.map((id) => `${id} = DER:${value}`)), {
      ca: false,
      keyUsage: [],
      extendedKeyUsage: [],
      addresses: NO_ADDRESSES,
      nameConstraints: 'unreadable',
    })
  }
})
