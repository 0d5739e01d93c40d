import { randomBytes } from 'node:crypto'
import t from 'tap'
import { DerReader } from '../../../src/asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../../src/asn1/tag.ts'
import { findRevocations } from '../../../src/revocation/crl/crl.ts'
import { checkCrl } from '../../../src/revocation/crl/crl-check.ts'
import { readCertificateFields } from '../../../src/x509/certificate-fields.ts'
import { issue } from '../../support/certificates.ts'
import { attribute, COMMON_NAME, nameOf } from '../../support/resigned.ts'
import { judgeCrl, RevocationAuthority } from '../../support/revocation-authority.ts'

const directory = t.testdir()
const UTC_TIME = Buffer.from('170d3236303130323033303430355a', 'hex')
const thisUpdate = new Date('2026-02-01T00:00:00Z')

/** Looks for certificates of an issuer, DER Name, in entries. */
function find(entries: Buffer, serialNumbers: readonly string[], issuer: Buffer) {
  return findRevocations(
    { entries: new DerReader(entries), issuer, thisUpdate, extensions: new Map() },
    new Set(serialNumbers),
  )
}

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
  await t.rejects(find(Buffer.from('0500', 'hex'), ['01'], Buffer.alloc(0)), {
    message: 'it is no DER of this kind: an element is missing, or another one is in its place',
  })
})

/** Returns an entry for a serial number, with its certificateIssuer (RFC 5280 5.3.3) where there are names in it. */
function entryOf(serialNumber: string, ...names: readonly Buffer[]): Buffer {
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
    UTC_TIME,
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
  const entries = Buffer.concat(Array.from({ length: 100 }, () => entry))
  await find(entries, ['01'], nameOf(attribute(COMMON_NAME, TAG.utf8String, 'y')))
  clearImmediate(immediate)
  t.ok(turns >= 20, `${turns} turns`)
  const long = nameOf(attribute(COMMON_NAME, TAG.utf8String, 'x'.repeat(10_000)))
  const { revocations } = await find(entryOf('01', long), ['01'], long)
  t.equal(revocations.size, 0, 'names of more than 10,000 octets are those of nobody')
})

t.test('entries of indirect CRLs count for the issuer that they name', async (t) => {
  const [own, other] = ['/CN=own', '/CN=other'].map(
    (subject) => readCertificateFields(issue(directory, { subject, ca: true }).certificate).subject,
  ) as [Buffer, Buffer]
  const look = async (...entries: Buffer[]) => {
    const { revocations, flaw } = await find(Buffer.concat(entries), ['01', '02', '03'], own)
    return { found: [...revocations.keys()], flaw }
  }
  t.strictSame(await look(entryOf('01'), entryOf('09')), { found: ['01'], flaw: undefined })
  const flaw = 'it has a critical extension that is not supported, 2.5.29.29'
  t.strictSame(await look(entryOf('01'), entryOf('02', other), entryOf('03')), { found: ['01'], flaw })
  t.strictSame(await look(entryOf('01', other), entryOf('02', own), entryOf('03')), {
    found: ['02', '03'],
    flaw,
  })
  const ownInCapitals = nameOf(attribute(COMMON_NAME, TAG.printableString, 'OWN'))
  t.strictSame(await look(entryOf('01', other), entryOf('02', ownInCapitals)), { found: ['02'], flaw })
})

t.test(
  'entries that cannot be read whole revoke their certificates, and hide none of the others',
  async (t) => {
    const serialNumber = (hex: string) => encode(TAG.integer, Buffer.from(hex, 'hex'))
    const reason = encodeObjectIdentifier('2.5.29.21')
    const removed = encode(TAG.octetString, encode(TAG.enumerated, Buffer.of(8)))
    const bare = encode(TAG.sequence, serialNumber('01'))
    const withoutSeconds = encode(
      TAG.sequence,
      serialNumber('02'),
      encode(TAG.utcTime, Buffer.from('2601020304Z')),
    )
    const twice = encode(
      TAG.sequence,
      ...[serialNumber('03'), UTC_TIME],
      encode(TAG.sequence, ...[1, 2].map(() => encode(TAG.sequence, reason, removed))),
    )
    const entries = [bare, withoutSeconds, twice, entryOf('04'), encode(TAG.sequence, serialNumber('05'))]
    const wanted = ['01', '02', '03', '04']
    const { revocations, flaw } = await find(Buffer.concat(entries), wanted, Buffer.alloc(0))
    const unread = { at: thisUpdate, reason: 'unspecified' }
    t.strictSame(Object.fromEntries(revocations), {
      ...{ '01': unread, '02': unread, '03': unread },
      '04': { at: new Date('2026-01-02T03:04:05Z'), reason: 'unspecified' },
    })
    t.equal(flaw, 'it is no DER of this kind: an element is missing, or another one is in its place')
  },
)
