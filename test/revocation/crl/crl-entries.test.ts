import { randomBytes } from 'node:crypto'
import t from 'tap'
import { DerReader } from '../../../src/der/der-reader.ts'
import { checkCrl } from '../../../src/revocation/crl/crl-check.ts'
import { findRevocations } from '../../../src/revocation/crl/crl-entries.ts'
import { issue } from '../../support/certificates.ts'
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

t.test('entries that are none, and those of indirect CRLs', async (t) => {
  const find = (hex: string) => findRevocations(new DerReader(Buffer.from(hex, 'hex')), new Set(['01']))
  await t.rejects(find('0500'), {
    message: 'it is no DER of this kind: something is missing or in its place',
  })
  // SEQUENCE { 1, UTCTime, SEQUENCE { SEQUENCE { certificateIssuer, TRUE, OCTET STRING { SEQUENCE {} } } } }
  const time = '170d3236303130323033303430355a'
  await t.rejects(find(`3022020101${time}300e300c0603551d1d0101ff04023000`), {
    message: 'it has a critical extension that is not supported, 2.5.29.29',
  })
  t.equal((await find(`3012020101${time}`)).size, 1)
})
