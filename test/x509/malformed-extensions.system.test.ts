import t from 'tap'
import { readCertificateFields } from '../../src/x509/certificate-fields.ts'
import { EXTENSION } from '../../src/x509/extensions.ts'
import {
  findDoubtfulExtensions,
  findUnreadableExtensions,
  READ_ALWAYS,
} from '../../src/x509/malformed-extensions.ts'
import { type Issued, issue, openssl } from '../support/certificates.ts'
import { runTool } from '../support/validators/run-tool.ts'

type Name = keyof typeof EXTENSION

const directory = t.testdir()
const AUTHORITY = { basicConstraints: 'critical, CA:TRUE', keyUsage: 'critical, keyCertSign' }
const { keyFile } = issue(directory, { subject: '/CN=Signer' })
const request = `${directory}/request.pem`
openssl('req', '-new', '-key', keyFile, '-subj', '/CN=Signer', '-out', request)

/**
 * Makes an authority with an extension.
 *
 * @param value DER or BER, hex
 */
function makeAuthority(name: Name, value: string): Issued {
  const others = Object.entries(AUTHORITY).filter(([other]) => other !== name)
  const extensions = others.map((line) => line.join(' = '))
  return issue(directory, {
    subject: '/CN=CA',
    extensions: [...extensions, `${EXTENSION[name]} = DER:${value}`],
  })
}

/** Returns whether openssl verifies a certificate that an authority has issued. */
async function isAccepted({ certificateFile, keyFile }: Issued): Promise<boolean> {
  const leaf = `${certificateFile}.leaf.pem`
  openssl('x509', '-req', '-in', request, '-CA', certificateFile, '-CAkey', keyFile, '-out', leaf)
  const { exitCode } = await runTool('openssl', ['verify', '-CAfile', certificateFile, leaf])
  return exitCode === 0
}

function findMalformed({ certificate }: Issued): string[] {
  return findUnreadableExtensions(readCertificateFields(certificate).extensions)
}

function findDoubtful({ certificate }: Issued): string[] {
  return findDoubtfulExtensions(readCertificateFields(certificate).extensions)
}

/** Values as they should be, and others that OpenSSL reads all the same, such as BER and what something follows. */
const READABLE: readonly (readonly [Name, readonly string[]])[] = [
  ['subjectKeyIdentifier', ['0400', '040401020304', '0403010203ff']],
  ['authorityKeyIdentifier', ['3000', '30800000']],
  ['keyUsage', ['03020106', '0303070600', '03020106ff']],
  ['extendedKeyUsage', ['3000', '300406022a03', '30810406022a03']],
  ['basicConstraints', ['30030101ff', '3003010101', '30060101ff020101', '30800101ff0000']],
  // Two of no host, one of them with a minimum
  ['nameConstraints', ['3000', '3009a00730058203612e62', '300ca00a30088203612e62800100']],
  ['subjectAltName', ['3000', '3003820161', '30808201610000', '3003820161ff']],
  // An address, an identifier, a name of another kind, and a distinguished name
  ['subjectAltName', ['300687047f000001', '300488022a03', '300ba00906022a03a0030c0161', '3004a4023000']],
  // Distinguished names, with a value of each type that one may have
  [
    'subjectAltName',
    [
      '3010a40e300c310a300806035504030c0178',
      '3010a40e300c310a30080603550403130178',
      '3010a40e300c310a30080603550403160178',
      '3010a40e300c310a30080603550403140178',
      '3011a40f300d310b300906035504031e020078',
      '3013a411300f310d300b06035504031c0400000078',
      '3010a40e300c310a30080603550403120131',
      '3011a40f300d310b3009060355040303020001',
      '300fa40d300b3109300706035504033000',
    ],
  ],
  // An X.400 address, and a name of EDI
  ['subjectAltName', ['3004a3023000', '3007a505a1030c0161']],
  // An address, and a name relative to the issuer of the CRL
  [
    'crlDistributionPoints',
    ['3000', '300b3009a007a00586036c3a78', '30123010a00ea10c300a06035504030c0372656c'],
  ],
  ['netscapeCertType', ['03020106']],
  ['autonomousSysIds', ['3004a0020500']],
]

/** A distinguished name whose tag stands in place of its own, and not before it. */
const UNTAGGED = 'a40c310a300806035504030c0178'

const MALFORMED: readonly (readonly [Name, readonly string[]])[] = [
  ['subjectKeyIdentifier', ['020101', '30020400']],
  ['authorityKeyIdentifier', ['020101', '3003040101', '30030a0101', `3013a10e${UNTAGGED}820101`]],
  ['keyUsage', ['0500', '0401c0', '30020106']],
  ['extendedKeyUsage', ['0500', '3003020101', '06022a03']],
  [
    'basicConstraints',
    [
      '0500',
      '30020500',
      '3003040101',
      '0101ff',
      '1800',
      '30060101ff0201ff',
      '30020100',
      '30020200',
      '30040102ffff',
      '30070101ff02020001',
    ],
  ],
  ['nameConstraints', ['0500', '30020500', '3004a0020500']],
  [
    'subjectAltName',
    [
      '0500',
      '300382',
      '3003890161',
      '30030c0161',
      '820161',
      `300e${UNTAGGED}`,
      '300fa40d300b3109300706035504030500',
      '3010a40e300c310a30080603550403020101',
      '3010a40e300c310a30080603550403040178',
      '3010a40e300c310a300806035504030101ff',
      '3010a40e300c310a300806035504031a0178',
      '301ea41c301a311830160603550403180f32303236313133303030303030305a',
      '3011a40f300d310b300906035504031e0178aa',
      '3010a40e300c310a300806035504031e0178',
    ],
  ],
  [
    'crlDistributionPoints',
    [
      '0500',
      '30020500',
      '30043002a400',
      '3003860161',
      '30023000',
      '3006300481020780',
      '30043002a200',
      `301b3019a007a00586036c3a78a20e${UNTAGGED}`,
    ],
  ],
  ['netscapeCertType', ['0500', '0101ff']],
  ['ipAddrBlocks', ['0500']],
  ['autonomousSysIds', ['0500']],
]

t.test('an extension that OpenSSL reads is taken as it is', async (t) => {
  for (const [name, values] of READABLE) {
    for (const value of values) {
      const authority = makeAuthority(name, value)
      t.strictSame(findMalformed(authority), [], `${name} ${value}`)
      t.ok(await isAccepted(authority), `${name} ${value}, by openssl`)
    }
  }
})

t.test('one because of which OpenSSL refuses all paths is named', async (t) => {
  for (const [name, values] of MALFORMED) {
    for (const value of values) {
      const authority = makeAuthority(name, value)
      t.strictSame(findMalformed(authority), [name], `${name} ${value}`)
      t.notOk(await isAccepted(authority), `${name} ${value}, by openssl`)
    }
  }
  const long = makeAuthority('subjectAltName', `308207d0${'8800'.repeat(999)}0000`)
  t.strictSame(findMalformed(long), [], 'one of more than 2,000 octets is not looked at')
  t.strictSame(MALFORMED.map(([name]) => name).toSorted(), Object.keys(READ_ALWAYS).toSorted())
})

t.test('one that only some validators read is named apart', async (t) => {
  for (const [name, readable] of [
    ['certificatePolicies', '3006300406022a03'],
    ['policyMappings', '300a300806022a0306022a04'],
    ['policyConstraints', '3003810100'],
    ['inhibitAnyPolicy', '020100'],
    ['issuerAltName', '3003820161'],
    ['authorityInfoAccess', '300e300c06082b060105050730018600'],
  ] as const) {
    const malformed = makeAuthority(name, '0500')
    t.strictSame(findDoubtful(makeAuthority(name, readable)), [], name)
    t.strictSame(findDoubtful(malformed), [name])
    t.strictSame(findMalformed(malformed), [])
    t.ok(await isAccepted(malformed), `${name}, by openssl`)
  }
  // anyPolicy is on neither side of a mapping
  for (const mapping of ['300c300a06022a030604551d2000', '300c300a0604551d200006022a03']) {
    t.strictSame(findDoubtful(makeAuthority('policyMappings', mapping)), ['policyMappings'])
  }
  const issuer = makeAuthority('subjectKeyIdentifier', '040401020304')
  const leaf = issue(directory, { subject: '/CN=Signer', issuer, extensions: ['2.5.29.32 = DER:0500'] })
  const files = ['-CAfile', issuer.certificateFile, leaf.certificateFile]
  t.equal((await runTool('openssl', ['verify', ...files])).exitCode, 0)
  t.match(await runTool('openssl', ['verify', '-policy_check', ...files]), { stderr: /policy extension/ })
})

t.test('octets behind a value, which OpenSSL passes over, are named apart', async (t) => {
  for (const [name, value] of [
    ['subjectKeyIdentifier', '0403010203ff'],
    ['keyUsage', '03020106ff'],
    ['certificatePolicies', '3006300406022a03ff'],
  ] as const) {
    const followed = makeAuthority(name, value)
    t.strictSame(findMalformed(followed), [], name)
    t.strictSame(findDoubtful(followed), [name])
    t.ok(await isAccepted(followed), `${name}, by openssl`)
  }
  t.strictSame(findDoubtful(makeAuthority('certificatePolicies', '30060604022a0300')), [
    'certificatePolicies',
  ])
})
