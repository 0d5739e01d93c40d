import t from 'tap'
import { hasIssuerName, isIssuedBy, isSelfIssued, matchesIssuer } from '../../src/x509/chain.ts'
import { issue, withLongLength } from '../support/certificates.ts'

const directory = t.testdir()
const CA = ['basicConstraints = critical, CA:TRUE']
const root = issue(directory, { subject: '/CN=Root', extensions: [...CA, 'subjectKeyIdentifier = 01020304'] })
const crossed = issue(directory, {
  ...{ subject: '/CN=Root', issuer: issue(directory, { subject: '/CN=Other', extensions: CA }) },
  ...{ keyFile: root.keyFile, extensions: [...CA, 'subjectKeyIdentifier = 01020304'] },
})
const withoutIdentifier = issue(directory, {
  ...{ subject: '/CN=Root', keyFile: root.keyFile, extensions: [...CA, 'subjectKeyIdentifier = none'] },
})
const notForCertificates = issue(directory, {
  ...{ subject: '/CN=Root', keyFile: root.keyFile, extensions: [...CA, 'keyUsage = cRLSign'] },
})

/** AuthorityKeyIdentifier, all of whose fields are optional, in hex. */
const NONE = '3000'
const RIGHT = '3006800401020304'
const WRONG = '3006800401020305'
const BROKEN = '30058004010203'
/** With the name of the issuer's issuer, CN=Root or CN=Rood, in [1] GeneralNames. */
const named = (letter: string) => `3015a113a411300f310d300b06035504030c04526f6f${letter}`
const serial = (number: string) =>
  `30${(2 + number.length / 2).toString(16).padStart(2, '0')}82${(number.length / 2).toString(16).padStart(2, '0')}${number}`

t.test('what a certificate says of its issuer beside its name', async (t) => {
  const own = serial(serialOf(root.certificate.serialNumber))
  for (const [what, identifier, isOfKey = true] of [
    ['nothing', undefined],
    ['no field', NONE],
    ['the identifier of the key', RIGHT],
    ['the identifier of another key', WRONG, false],
    ['what is none', BROKEN, false],
    ['the issuer of the issuer', named('74')],
    ['another issuer of the issuer', named('64')],
    ['the serial number', own],
    ['another serial number', serial('010203')],
  ] as const) {
    const line = identifier === undefined ? 'none' : undefined
    const { certificate } = issue(directory, {
      ...{ subject: '/CN=Leaf', issuer: root },
      extensions: [line ? 'authorityKeyIdentifier = none' : `2.5.29.35 = DER:${identifier}`],
    })
    for (const issuer of [root, crossed, withoutIdentifier, notForCertificates]) {
      const isFound = matchesIssuer(certificate, issuer.certificate)
      const mayIssue = issuer !== notForCertificates
      t.equal(isFound && mayIssue, certificate.checkIssued(issuer.certificate), `as OpenSSL has it, ${what}`)
      t.equal(
        isIssuedBy(certificate, issuer.certificate),
        mayIssue && (isOfKey || isFound),
        `where another certificate of the key does, too, ${what}`,
      )
    }
  }
})

t.test('one that is not DER is nobody, and nobody is its issuer', async (t) => {
  const odd = withLongLength(root.certificate)
  t.notOk(isSelfIssued(odd))
  t.notOk(hasIssuerName(odd, root.certificate))
  t.notOk(hasIssuerName(root.certificate, odd))
  t.notOk(matchesIssuer(root.certificate, odd))
  t.ok(isSelfIssued(root.certificate))
})

/** Content of its INTEGER in hex. */
function serialOf(hex: string): string {
  const whole = hex.padStart(hex.length + (hex.length % 2), '0')
  return Number.parseInt(whole.slice(0, 2), 16) >= 0x80 ? `00${whole}` : whole
}
