import { randomBytes } from 'node:crypto'
import t from 'tap'
import { DerReader } from '../../../src/asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../../src/asn1/tag.ts'
import { checkCrl } from '../../../src/revocation/crl/crl-check.ts'
import { findRevocations } from '../../../src/revocation/crl/crl-entries.ts'
import { readCertificateFields } from '../../../src/x509/certificate-fields.ts'
import { issue } from '../../support/certificates.ts'
import { attribute, COMMON_NAME, nameOf } from '../../support/resigned.ts'
import { judgeCrl, RevocationAuthority } from '../../support/revocation-authority.ts'

const directory = t.testdir()

t.test('a CRL with a hundred thousand entries leaves the event loop to others', async (t) => {
  const root = issue(directory, { subject: '/CN=root', ca: true })
  const authority = new RevocationAuthority(directory, root)
  const at = new Date('2026-01-02T03:04:05Z')
  const serialNumbers = Array.from({ length: 100_000 }, () =>
    `4${randomBytes(16).toString('hex').slice(1)}`.toUpperCase(),
  )
  for (const serialNumber of serialNumbers) {
    authority.revoke({ serialNumber }, at, 'superseded')
  }
  const der = await authority.crl()
  const wanted = new Set([serialNumbers[7], serialNumbers[99_999], '01'].map((one) => `${one}`.toLowerCase()))
  // By a clock it would depend on what else the machine does
  let turns = 0
  const count = () => {
    turns++
    immediate = setImmediate(count)
  }
  let immediate = setImmediate(count)
  const { revocations } = await checkCrl(der, { issuer: root.certificate, serialNumbers: wanted }, new Date())
  clearImmediate(immediate)
  t.ok(turns >= 200, `${turns} turns`)
  t.equal(revocations.size, 2)
  t.ok(judgeCrl(directory, der, root))
})

t.test('entries that are none', async (t) => {
  await t.rejects(
    findRevocations(new DerReader(Buffer.from('0500', 'hex')), new Set(['01']), Buffer.alloc(0)),
    {
      message: 'it is no DER of this kind: something is missing or in its place',
    },
  )
})

/** Returns an entry for a serial number, with its certificateIssuer (RFC 5280 5.3.3) where there are names in it. */
function entryOf(serialNumber: string, ...names: readonly Buffer[]): Buffer {
  const time = Buffer.from('170d3236303130323033303430355a', 'hex')
  const generalNames = encode(TAG.sequence, ...names.map((name) => encode(contextTag(4), name)))
  const extension = encode(
    TAG.sequence,
    encodeObjectIdentifier('2.5.29.29'),
    encode(TAG.boolean, Buffer.from([0xff])),
    encode(TAG.octetString, generalNames),
  )
  return encode(
    TAG.sequence,
    encode(TAG.integer, Buffer.from(serialNumber, 'hex')),
    time,
    ...(names.length > 0 ? [encode(TAG.sequence, extension)] : []),
  )
}

t.test('entries full of names leave the event loop to others', async (t) => {
  const name = nameOf(attribute(COMMON_NAME, TAG.utf8String, 'x'))
  const entry = entryOf('01', ...Array.from({ length: 500 }, () => name))
  let turns = 0
  const count = () => {
    turns++
    immediate = setImmediate(count)
  }
  let immediate = setImmediate(count)
  const entries = new DerReader(Buffer.concat(Array.from({ length: 100 }, () => entry)))
  await findRevocations(entries, new Set(['01']), nameOf(attribute(COMMON_NAME, TAG.utf8String, 'y')))
  clearImmediate(immediate)
  t.ok(turns >= 20, `${turns} turns`)
  const long = nameOf(attribute(COMMON_NAME, TAG.utf8String, 'x'.repeat(10_000)))
  await t.rejects(findRevocations(new DerReader(entryOf('01', long)), new Set(['01']), name), {
    message: 'it has an entry whose issuer has a name of more than 10000 octets',
  })
})

t.test('entries of indirect CRLs count for the issuer that they name', async (t) => {
  const [own, other] = ['/CN=own', '/CN=other'].map(
    (subject) => readCertificateFields(issue(directory, { subject, ca: true }).certificate).subject,
  ) as [Buffer, Buffer]
  const find = async (...entries: Buffer[]) => {
    const wanted = new Set(['01', '02', '03'])
    const { revocations, flaw } = await findRevocations(new DerReader(Buffer.concat(entries)), wanted, own)
    return { found: [...revocations.keys()], flaw }
  }
  t.strictSame(await find(entryOf('01'), entryOf('09')), { found: ['01'], flaw: undefined })
  const flaw = 'it has a critical extension that is not supported, 2.5.29.29'
  t.strictSame(await find(entryOf('01'), entryOf('02', other), entryOf('03')), { found: ['01'], flaw })
  t.strictSame(await find(entryOf('01', other), entryOf('02', own), entryOf('03')), {
    found: ['02', '03'],
    flaw,
  })
  const ownInCapitals = nameOf(attribute(COMMON_NAME, TAG.printableString, 'OWN'))
  t.strictSame(await find(entryOf('01', other), entryOf('02', ownInCapitals)), { found: ['02'], flaw })
})
