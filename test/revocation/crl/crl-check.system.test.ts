import { spawnSync } from 'node:child_process'
import { createPrivateKey, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { ID_RSASSA_PSS } from '../../../src/algorithms/rsa-pss.ts'
import { DerReader } from '../../../src/asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../../src/asn1/tag.ts'
import { findScopeProblem, isNamedOtherwise, readCrl } from '../../../src/revocation/crl/crl.ts'
import { checkCrl } from '../../../src/revocation/crl/crl-check.ts'
import { readAddresses } from '../../../src/x509/certificate-extensions.ts'
import { readCertificateFields } from '../../../src/x509/certificate-fields.ts'
import { type Issued, issue, openssl, RSA_2048, rsaPss } from '../../support/certificates.ts'
import { inPem, withoutNextUpdate } from '../../support/changed-crl.ts'
import {
  algorithm,
  attribute,
  COMMON_NAME,
  CRL,
  elementsOf,
  extensionsOf,
  nameOf,
  resign,
  SHA256_WITH_RSA,
  timeOf,
  withLongLength,
} from '../../support/resigned.ts'
import {
  asn1Time,
  type CrlOptions,
  judgeCrl,
  RevocationAuthority,
} from '../../support/revocation-authority.ts'
import { crlAt } from '../../support/revocation-chain.ts'

const HOUR_MS = 3_600_000
const directory = t.testdir()
const root = issue(directory, { subject: '/CN=root', ca: true })
const address = 'http://crl.example/list.crl'
const leaf = issue(directory, { subject: '/CN=leaf', issuer: root, extension: crlAt(address) })
const EXTENSIONS = ['authorityKeyIdentifier = keyid', '2.5.29.20 = DER:020107']

function serial({ certificate }: Issued): string {
  return readCertificateFields(certificate).serialNumber.toString('hex')
}

async function check(crl: Buffer, { issuer = root, at = new Date() } = {}) {
  return await checkCrl(crl, { issuer: issuer.certificate, serialNumbers: new Set([serial(leaf)]) }, at)
}

async function made(options: CrlOptions = {}): Promise<Buffer> {
  return await new RevocationAuthority(directory, root).crl(options)
}

t.test('CRLs that openssl verifies are taken', async (t) => {
  const rsa = issue(directory, { subject: '/CN=rsa', ca: true, key: RSA_2048 })
  for (const [name, issuer, options] of [
    ['version 1', root, {}],
    ['version 2', root, { extensions: EXTENSIONS }],
    ['a critical key identifier', root, { extensions: ['authorityKeyIdentifier = critical, keyid'] }],
    ['RSA', rsa, { extensions: EXTENSIONS }],
    ['PSS', rsa, { args: ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'] }],
    ['years with four digits', root, { nextUpdate: new Date('2055-01-01T00:00:00Z') }],
  ] satisfies [string, Issued, CrlOptions][]) {
    const der = await new RevocationAuthority(directory, issuer).crl(options)
    const { revocations, scope } = await check(der, { issuer })
    t.strictSame([...revocations], [], name)
    t.strictSame(scope, { distributionPoints: undefined, only: undefined }, name)
    t.ok(judgeCrl(directory, der, issuer), name)
  }
})

t.test('CRLs of authorities with keys for EdDSA, whose identifiers have no parameters', async (t) => {
  for (const [name, oid] of [
    ['ED25519', '1.3.101.112'],
    ['ED448', '1.3.101.113'],
  ] as const) {
    const issuer = issue(directory, { subject: '/CN=root', ca: true, key: ['-algorithm', name] })
    const authority = new RevocationAuthority(directory, issuer)
    authority.revoke(leaf.certificate, new Date('2026-01-02T03:04:05Z'))
    const der = await authority.crl({ extensions: EXTENSIONS })
    t.ok(judgeCrl(directory, der, issuer), name)
    const { revocations, flaw } = await check(der, { issuer })
    t.strictSame([revocations.size, flaw], [1, undefined], name)
    const other = issue(directory, { subject: '/CN=root', ca: true, key: ['-algorithm', name] })
    t.notOk(judgeCrl(directory, der, other), name)
    await t.rejects(check(der, { issuer: other }), { message: /^it is signed with another key/ }, name)
    const withNull = resign(
      der,
      issuer.keyFile,
      { [CRL.signature]: algorithm(oid, 'null') },
      algorithm(oid, 'null'),
      null,
    )
    await t.rejects(check(withNull, { issuer }), {
      message: `its signature algorithm, ${oid}, is not supported`,
    })
  }
})

/** Returns what openssl says of a CRL's signature alone: OpenSSL 3.0 does not know the identifiers of ECDSA with SHA-3. */
function judgeDigest(crl: Buffer, issuer: Issued, hash: string): string {
  const { toBeSigned, signature } = readCrl(crl)
  const content = join(directory, 'content')
  const octets = join(directory, 'signature')
  const key = join(directory, 'key')
  writeFileSync(content, toBeSigned)
  writeFileSync(octets, signature)
  openssl('x509', '-in', issuer.certificateFile, '-noout', '-pubkey', '-out', key)
  return openssl('dgst', `-${hash}`, '-verify', key, '-signature', octets, content)
}

t.test('CRLs that are signed over SHA-3', async (t) => {
  for (const key of [RSA_2048, undefined]) {
    for (const hash of ['sha3-224', 'sha3-256', 'sha3-384', 'sha3-512']) {
      const issuer = issue(directory, { subject: '/CN=root', ca: true, ...(key && { key }) })
      const authority = new RevocationAuthority(directory, issuer)
      authority.revoke(leaf.certificate, new Date('2026-01-02T03:04:05Z'))
      const der = await authority.crl({ extensions: EXTENSIONS, args: ['-md', hash] })
      t.match(judgeDigest(der, issuer, hash), /^Verified OK/, hash)
      const { revocations, flaw } = await check(der, { issuer })
      t.strictSame([revocations.size, flaw], [1, undefined], hash)
      const other = issue(directory, { subject: '/CN=root', ca: true, ...(key && { key }) })
      await t.rejects(check(der, { issuer: other }), { message: /^it is signed with another key/ }, hash)
    }
  }
})

t.test('CRLs that are signed with RSASSA-PSS and parameters that only some validators know', async (t) => {
  const doubt =
    'has a signature that some validators do not take (its algorithm, 1.2.840.113549.1.1.10 with unusual parameters, is one ' +
    'that only some know)'
  const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32']
  const withMask = (hash: string) => [...pss, '-sigopt', `rsa_mgf1_md:${hash}`]
  for (const [key, args, told] of [
    [RSA_2048, pss, undefined],
    [RSA_2048, withMask('sha1'), doubt],
    [RSA_2048, ['-md', 'sha512', ...withMask('sha256')], doubt],
    [RSA_2048, ['-md', 'sha512-256', ...pss], doubt],
    [rsaPss(), withMask('sha1'), doubt],
    [rsaPss('sha256', 32, 'sha1'), withMask('sha1'), doubt],
  ] as const) {
    const issuer = issue(directory, { subject: '/CN=root', ca: true, key })
    const certificate = issue(directory, { subject: '/CN=leaf', issuer })
    const name = `${key[1]} ${args.join(' ')}`
    const authority = new RevocationAuthority(directory, issuer)
    const good = await authority.crl({ extensions: EXTENSIONS, args })
    verifyWith(good, issuer, certificate)
    t.match(await check(good, { issuer }), { doubt: told, flaw: undefined }, name)
    authority.revoke(certificate.certificate, new Date('2026-01-02T03:04:05Z'))
    const revoking = await authority.crl({ extensions: EXTENSIONS, args })
    t.throws(() => verifyWith(revoking, issuer, certificate), /certificate revoked/, name)
    const question = { issuer: issuer.certificate, serialNumbers: new Set([serial(certificate)]) }
    const { revocations, flaw } = await checkCrl(revoking, question, new Date())
    t.strictSame([revocations.size, flaw], [1, undefined], name)
    const other = issue(directory, { subject: '/CN=root', ca: true, key })
    await t.rejects(check(good, { issuer: other }), { message: /^it is signed with another key/ }, name)
  }
})

t.test('entries are told with their time and reason', async (t) => {
  const at = new Date('2026-01-02T03:04:05Z')
  for (const [reason, revocation] of [
    [undefined, { at, reason: 'unspecified' }],
    ['superseded', { at, reason: 'superseded' }],
    ['holdInstruction,1.2.840.10040.2.1', { at, reason: 'certificate hold' }],
    ['keyTime,20260101000000Z', { at, reason: 'key compromise' }],
    // Only delta CRLs have it, and most validators read it as a revocation elsewhere
    ['removeFromCRL', { at, reason: 'remove from CRL' }],
  ] as const) {
    const authority = new RevocationAuthority(directory, root)
    authority.revoke({ serialNumber: '0102' }, at)
    authority.revoke(leaf.certificate, at, reason)
    const { revocations } = await check(await authority.crl({ extensions: EXTENSIONS }))
    t.strictSame(revocations.get(serial(leaf)), revocation)
    t.equal(revocations.size, 1)
  }
})

t.test('a revocation counts, whatever type of string the CRL has the name of its issuer in', async (t) => {
  const at = new Date('2026-01-02T03:04:05Z')
  const authority = new RevocationAuthority(directory, root)
  authority.revoke(leaf.certificate, at)
  const made = await authority.crl({ extensions: EXTENSIONS })
  const otherType =
    'names its issuer in other octets than the certificate of that, such as another type of string: Bouncy Castle, PDFBox, ' +
    'EU DSS and Java do not take it'
  for (const [tag, name, doubt] of [
    [TAG.printableString, 'root', undefined],
    [TAG.utf8String, ' ROOT ', undefined],
    [TAG.bmpString, 'root', otherType],
    [TAG.teletexString, 'root', otherType],
  ] as const) {
    const der = resign(made, root.keyFile, { [CRL.issuer]: nameOf(attribute(COMMON_NAME, tag, name)) })
    t.ok(judgeCrl(directory, der, root), name)
    const checked = await check(der)
    t.strictSame([...checked.revocations.values()], [{ at, reason: 'unspecified' }], name)
    t.equal(checked.doubt, doubt)
  }
  const other = resign(made, root.keyFile, { [CRL.issuer]: nameOf(attribute(COMMON_NAME, 0x0c, 'roots')) })
  t.notOk(judgeCrl(directory, other, root))
  await t.rejects(check(other), { message: 'it is the CRL of another issuer' })
})

t.test('algorithms of RSA without parameters, and with NULL', async (t) => {
  const rsa = issue(directory, { subject: '/CN=rsa', ca: true, key: RSA_2048 })
  const der = await new RevocationAuthority(directory, rsa).crl({ extensions: EXTENSIONS })
  const forms = ['null', 'absent'] as const
  for (const [inner, outer] of forms.flatMap((inner) => forms.map((outer) => [inner, outer] as const))) {
    const fields = { [CRL.signature]: algorithm(SHA256_WITH_RSA, inner) }
    const crl = resign(der, rsa.keyFile, fields, algorithm(SHA256_WITH_RSA, outer))
    t.ok(judgeCrl(directory, crl, rsa), `${inner}, ${outer}`)
    const { der: kept } = await check(crl, { issuer: rsa })
    // The outer one is not signed, and Bouncy Castle refuses a CRL in which it is another one
    t.same(kept, resign(kept, rsa.keyFile, {}, algorithm(SHA256_WITH_RSA, inner)), `${inner}, ${outer}`)
  }
})

t.test('parameters of megabytes are not looked into before the signature is verified', async (t) => {
  const identifiers = encode(TAG.objectIdentifier, Buffer.alloc(1_000_000, 1))
  const long = encode(TAG.sequence, encodeObjectIdentifier(ID_RSASSA_PSS), encode(TAG.sequence, identifiers))
  const der = resign(await made({ extensions: EXTENSIONS }), root.keyFile, { [CRL.signature]: long }, long)
  await t.rejects(check(der), {
    message: 'its signature algorithm, 1.2.840.113549.1.1.10, has parameters that are too long',
  })
})

t.test(
  'a CRL whose times have fractions of a second is taken, and one whose times are none shows nobody to be good',
  async (t) => {
    const [now, later] = [asn1Time(new Date(Date.now() - HOUR_MS)), asn1Time(new Date(Date.now() + HOUR_MS))]
    const at = (time: string) =>
      made({ extensions: EXTENSIONS }).then((der) =>
        resign(der, root.keyFile, { [CRL.thisUpdate]: timeOf(now), [CRL.nextUpdate]: timeOf(time) }),
      )
    t.ok(await check(await at(later)))
    t.ok(await check(await at(later.replace('Z', '.5Z'))))
    for (const time of ['20551301000000Z', '20550231000000Z', '205501010000Z', '20550101000000+0100']) {
      await t.rejects(check(await at(time)), {
        message: /^it is no DER of this kind: ".*" is not a time of RFC 5280 4\.1\.2\.5$/,
      })
    }
  },
)

t.test('a CRL that is no DER in its depths shows nobody to be good, and revokes', async (t) => {
  const value = encode(TAG.octetString, Buffer.from('020107', 'hex'))
  const another = issue(directory, { subject: '/CN=another', issuer: root })
  const critical = encode(
    TAG.sequence,
    encodeObjectIdentifier('2.5.29.20'),
    Buffer.from('010101', 'hex'),
    value,
  )
  for (const [name, fields] of [
    ['a fraction that ends in zero', { [CRL.nextUpdate]: timeOf('20991231235959.000Z') }],
    [
      'TRUE as another value than FF',
      { [CRL.extensions]: encode(contextTag(0), encode(TAG.sequence, critical)) },
    ],
  ] as const) {
    const authority = new RevocationAuthority(directory, root)
    authority.revoke(another.certificate, new Date(), 'superseded')
    const listed = async () => resign(await authority.crl({ extensions: EXTENSIONS }), root.keyFile, fields)
    const message =
      /^it is no DER: the octets of a value .*, so that some validators call a signature over it broken; have/
    await t.rejects(
      listed().then((crl) => check(crl)),
      { message },
      name,
    )
    authority.revoke(leaf.certificate, new Date(), 'keyCompromise')
    const revoking = resign(await authority.crl({ extensions: EXTENSIONS }), root.keyFile, fields)
    const { flaw, revocations } = await check(revoking)
    t.match(flaw, message)
    t.equal(revocations.size, 1)
    t.ok(judgeCrl(directory, revoking, root), 'openssl takes it')
  }
})

t.test('a CRL revokes though its times are wrong', async (t) => {
  const authority = new RevocationAuthority(directory, root)
  const at = new Date('2026-01-02T03:04:05Z')
  authority.revoke(leaf.certificate, at, 'keyCompromise')
  const [good, revoking] = await Promise.all(
    [new RevocationAuthority(directory, root), authority].map((one) => one.crl({ extensions: EXTENSIONS })),
  )
  const now = new Date()
  const right = await check(revoking as Buffer, { at: now })
  for (const time of ['2611010000Z', '261301000000Z', '261101000000+0100', '20551301000000Z']) {
    for (const [place, thisUpdate] of [
      [CRL.thisUpdate, now],
      [CRL.nextUpdate, right.thisUpdate],
    ] as const) {
      const flaw = `it is no DER of this kind: "${time}" is not a time of RFC 5280 4.1.2.5`
      const changed = (crl: Buffer | undefined) =>
        resign(crl as Buffer, root.keyFile, { [place]: timeOf(time) })
      const checked = await check(changed(revoking), { at: now })
      t.match({ flaw: checked.flaw, thisUpdate: checked.thisUpdate }, { flaw, thisUpdate })
      t.strictSame([...checked.revocations], [[serial(leaf), { at, reason: 'key compromise' }]])
      t.ok(judgeCrl(directory, checked.der, root), 'as openssl verifies it')
      await t.rejects(check(changed(good)), { message: flaw })
      t.throws(() => verifyWith(changed(good)), /format error in CRL's (last|next)Update field/)
    }
  }
})

/** Verifies a certificate of an issuer with a CRL, as openssl does. */
function verifyWith(crl: Buffer, issuer = root, certificate = leaf, options: readonly string[] = []): void {
  const file = join(directory, 'identified.der')
  writeFileSync(file, crl)
  const pem = `${file}.pem`
  openssl('crl', '-inform', 'DER', '-in', file, '-out', pem)
  openssl(
    'verify',
    '-crl_check',
    ...options,
    '-CAfile',
    issuer.certificateFile,
    '-CRLfile',
    pem,
    certificate.certificateFile,
  )
}

t.test('a CRL counts from its time to the next', async (t) => {
  const from = (ms: number) => ({
    thisUpdate: new Date(Date.now() + ms),
    nextUpdate: new Date(Date.now() + ms + HOUR_MS),
  })
  await t.rejects(check(await made(from(-2 * HOUR_MS))), { message: /^it was to be replaced at / })
  await t.rejects(check(await made(from(HOUR_MS))), { message: /^it is from the future/ })
  const { thisUpdate, nextUpdate } = await check(await made(from(60_000)))
  t.equal(nextUpdate.getTime() - thisUpdate.getTime(), HOUR_MS)
})

t.test('a CRL of somebody else', async (t) => {
  const stranger = issue(directory, { subject: '/CN=stranger', ca: true })
  const namesake = issue(directory, { subject: '/CN=root', ca: true })
  const other = await made({ signer: stranger })
  t.notOk(judgeCrl(directory, other, root))
  await t.rejects(check(other), { message: 'it is the CRL of another issuer' })
  const forged = await made({ signer: namesake })
  t.notOk(judgeCrl(directory, forged, root))
  await t.rejects(check(forged), { message: 'its signature does not verify' })
  const forCertificates = issue(directory, {
    subject: '/CN=root',
    keyFile: root.keyFile,
    extensions: ['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign'],
  })
  const flaw = 'its issuer has a certificate that is not for CRLs'
  await t.rejects(check(await made(), { issuer: forCertificates }), { message: flaw })
  const authority = new RevocationAuthority(directory, root)
  authority.revoke(leaf.certificate, new Date('2026-01-02T03:04:05Z'))
  const revoking = await check(await authority.crl(), { issuer: forCertificates })
  t.strictSame([revoking.flaw, revoking.revocations.size], [flaw, 1], 'it revokes nevertheless')
})

const scope = (...lines: string[]) => ['issuingDistributionPoint = critical, @scope', '[scope]', ...lines]

t.test('a CRL that an authority signed with its new key says so', async (t) => {
  const renewed = issue(directory, { subject: '/CN=root', ca: true })
  const authority = new RevocationAuthority(directory, renewed)
  authority.revoke(leaf.certificate, new Date())
  await t.rejects(check(await authority.crl({ extensions: EXTENSIONS })), {
    message: /^it is signed with another key than the one that issued the certificate, as after a renewal/,
  })
  await t.rejects(check(await authority.crl()), { message: 'its signature does not verify' })
})

t.test('a CRL whose key identifier is that of another key, so that openssl finds no CRL', async (t) => {
  const at = new Date('2026-01-02T03:04:05Z')
  verifyWith(await made({ extensions: ['authorityKeyIdentifier = keyid:always, issuer:always'] }))
  const options = { extensions: [`2.5.29.35 = DER:30168014${'ab'.repeat(20)}`] }
  const flaw = /^the keyIdentifier in its authorityKeyIdentifier is not that of its issuer, though the key is/
  const good = await made(options)
  t.throws(() => verifyWith(good), /unable to get certificate CRL/)
  await t.rejects(check(good), { message: flaw })
  const authority = new RevocationAuthority(directory, root)
  authority.revoke(leaf.certificate, at)
  const checked = await check(await authority.crl(options))
  t.match(checked.flaw, flaw)
  t.equal(checked.revocations.size, 1, 'what it revokes is revoked')
})

t.test('a CRL that names another certificate of the key of its issuer, as openssl takes it', async (t) => {
  const subject = { subject: '/CN=middle', ca: true, issuer: root }
  const middle = issue(directory, subject)
  const renewed = issue(directory, { ...subject, keyFile: middle.keyFile })
  const certificate = issue(directory, { subject: '/CN=leaf', issuer: middle })
  const both = join(directory, 'both.pem')
  writeFileSync(both, [middle, renewed].map(({ certificateFile }) => readFileSync(certificateFile)).join(''))
  const crl = await new RevocationAuthority(directory, renewed).crl({
    extensions: ['authorityKeyIdentifier = keyid:always, issuer:always'],
  })
  verifyWith(crl, root, certificate, ['-extended_crl', '-untrusted', both])
  t.strictSame((await check(crl, { issuer: middle })).flaw, undefined)
  t.equal((await check(await made({ extensions: ['2.5.29.35 = DER:3003820105'] }))).flaw, undefined)
})

t.test(
  'a certificate whose distribution point names all reasons, of which openssl takes the CRL',
  async (t) => {
    const reasons = [
      ...['keyCompromise', 'CACompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation'],
      ...['certificateHold', 'privilegeWithdrawn', 'AACompromise'],
    ]
    const certificate = issue(directory, {
      ...{ subject: '/CN=leaf', issuer: root },
      extensions: [
        'crlDistributionPoints = point',
        ...['[point]', `fullname = URI:${address}`, `reasons = ${reasons.join(', ')}`],
      ],
    })
    const { revoking, good } = await bothCrls(root, certificate)
    verifyWith(good, root, certificate)
    t.throws(() => verifyWith(revoking, root, certificate), /certificate revoked/)
    t.strictSame(readAddresses(readCertificateFields(certificate.certificate)).crl.map(String), [address])
  },
)

t.test('a CRL with a flaw shows nobody to be good, and what it revokes is revoked', async (t) => {
  const past = { thisUpdate: new Date(Date.now() - 2 * HOUR_MS), nextUpdate: new Date(Date.now() - HOUR_MS) }
  const future = {
    thisUpdate: new Date(Date.now() + HOUR_MS),
    nextUpdate: new Date(Date.now() + 2 * HOUR_MS),
  }
  const same = (crl: Buffer) => crl
  for (const [options, flaw, change] of [
    [{}, 'it is PEM, but RFC 5280 4.2.1.13 demands DER', inPem],
    [
      {},
      'it is PEM, but RFC 5280 4.2.1.13 demands DER',
      (crl) => Buffer.from(inPem(crl).toString().replaceAll('X509 CRL', 'CRL')),
    ],
    [{ args: ['-md', 'sha1'] }, 'it is signed with SHA-1, which can be forged', same],
    [
      { extensions: EXTENSIONS },
      'it does not say when it is to be replaced',
      (crl) => withoutNextUpdate(crl, root),
    ],
    ...['1.2.840.10045.4.3.4', '1.2.840.113549.1.1.11'].map(
      (oid): [CrlOptions, string, (crl: Buffer) => Buffer] => [
        { extensions: EXTENSIONS },
        'it names two algorithms for its signature',
        (crl) => resign(crl, root.keyFile, { [CRL.signature]: algorithm(oid, 'absent') }),
      ],
    ),
    [past, /^it was to be replaced at /, same],
    [future, /^it is from the future/, same],
    [{ extensions: ['2.5.29.27 = critical, DER:020101'] }, 'it is a delta CRL', same],
    [
      { extensions: ['1.2.3.4 = critical, DER:0500'] },
      'it has a critical extension that is not supported, 1.2.3.4',
      same,
    ],
    [{ extensions: scope('indirectCRL = TRUE') }, 'it is an indirect CRL, which is not supported', same],
    [
      { extensions: scope('onlysomereasons = keyCompromise') },
      'it lists certificates that were revoked for some reasons only',
      same,
    ],
  ] satisfies [CrlOptions, string | RegExp, (crl: Buffer) => Buffer][]) {
    await t.rejects(check(change(await made(options))), { message: flaw })
    const authority = new RevocationAuthority(directory, root)
    const at = new Date('2026-01-02T03:04:05Z')
    authority.revoke(leaf.certificate, at, 'keyCompromise')
    const crl = change(await authority.crl(options))
    const checked = await check(crl)
    t.match(checked.flaw, flaw)
    t.strictSame([...checked.revocations], [[serial(leaf), { at, reason: 'key compromise' }]])
    t.ok(judgeCrl(directory, checked.der, root), 'as openssl verifies it')
    authority.revoke(leaf.certificate, at, 'removeFromCRL')
    const removed = change(await authority.crl(options))
    if (flaw === 'it is a delta CRL') {
      await t.rejects(check(removed), { message: flaw }, 'it was taken from the list')
    } else {
      t.equal((await check(removed)).revocations.size, 1)
    }
  }
})

t.test('a CRL with a flaw whose signature is wrong revokes nobody', async (t) => {
  const namesake = issue(directory, { subject: '/CN=root', ca: true })
  const authority = new RevocationAuthority(directory, namesake)
  authority.revoke(leaf.certificate, new Date())
  const crl = await authority.crl()
  for (const wrong of [inPem(crl), withoutNextUpdate(crl, namesake)]) {
    await t.rejects(check(wrong), { message: 'its signature does not verify' })
  }
})

t.test('what is appended to a CRL is left out', async (t) => {
  const authority = new RevocationAuthority(directory, root)
  authority.revoke(leaf.certificate, new Date('2026-01-02T03:04:05Z'))
  const crl = await authority.crl({ extensions: EXTENSIONS })
  for (const appended of [Buffer.from('\r\n'), Buffer.alloc(100), crl]) {
    const received = Buffer.concat([crl, appended])
    t.ok(judgeCrl(directory, received, root))
    const { der, flaw, revocations } = await check(received)
    t.same([der, flaw, revocations.size], [crl, undefined, 1])
  }
})

t.test(
  'of several CRLs in one PEM file the latest of the issuer that can count does, wherever it stands',
  async (t) => {
    const [before, now] = [new Date(Date.now() - HOUR_MS), new Date()]
    const at = new Date('2026-01-02T03:04:05Z')
    const listOf = async (signer: Issued, options: CrlOptions, reason?: string) => {
      const authority = new RevocationAuthority(directory, signer)
      if (reason !== undefined) {
        authority.revoke(leaf.certificate, at, reason)
      }
      return await authority.crl({ extensions: EXTENSIONS, thisUpdate: before, ...options })
    }
    const another = issue(directory, { subject: '/CN=another', ca: true })
    const namesake = issue(directory, { subject: '/CN=root', ca: true })
    const own = await listOf(root, {}, 'keyCompromise')
    const foreign = await listOf(another, { thisUpdate: now })
    const wrongSignature = Buffer.from(await listOf(root, { thisUpdate: now }))
    wrongSignature.writeUInt8(
      wrongSignature.readUInt8(wrongSignature.length - 1) ^ 1,
      wrongSignature.length - 1,
    )
    const beside: Readonly<Record<string, readonly [Buffer, boolean]>> = {
      'that of another issuer': [foreign, true],
      'that of another key': [await listOf(namesake, { thisUpdate: now }), true],
      'that of another key, of the same time': [await listOf(namesake, {}), true],
      'a delta CRL': [
        await listOf(root, { thisUpdate: now, extensions: ['2.5.29.27 = critical, DER:020101'] }),
        false,
      ],
      'that of attribute certificates': [
        await listOf(root, { thisUpdate: now, extensions: scope('onlyAA = TRUE') }),
        true,
      ],
      'that of some reasons': [
        await listOf(root, { thisUpdate: now, extensions: scope('onlysomereasons = superseded') }),
        true,
      ],
      'one that has ended': [
        await listOf(root, { thisUpdate: new Date(now.getTime() - 1_000), nextUpdate: now }),
        true,
      ],
      'one that was changed': [wrongSignature, false],
      'an older one': [await listOf(root, { thisUpdate: new Date(before.getTime() - HOUR_MS) }), true],
      'what is no CRL': [Buffer.from('3000', 'hex'), false],
    }
    for (const [what, [other, isRead]] of Object.entries(beside)) {
      for (const file of [
        [own, other],
        [other, own],
      ].map((lists) => Buffer.concat(lists.map(inPem)))) {
        const { revocations, flaw } = await check(file, { at: new Date(now.getTime() + 1_000) })
        t.strictSame([...revocations], [[serial(leaf), { at, reason: 'key compromise' }]], what)
        t.equal(flaw, 'it is PEM, but RFC 5280 4.2.1.13 demands DER')
        if (isRead) {
          t.match(judgePem(file), /certificate revoked/, what)
        }
      }
    }
    const released = inPem(await listOf(root, { thisUpdate: now }))
    const held = inPem(await listOf(root, {}, 'certificateHold'))
    for (const file of [Buffer.concat([held, released]), Buffer.concat([released, held])]) {
      await t.rejects(check(file), { message: 'it is PEM, but RFC 5280 4.2.1.13 demands DER' })
      t.match(judgePem(file), /: OK/)
    }
    for (const none of [
      [foreign, foreign],
      [foreign, Buffer.from('3000', 'hex')],
      [...Array(16).fill(foreign), own],
    ]) {
      const file = Buffer.concat(none.map((one) => inPem(one)))
      await t.rejects(check(file), { message: 'it is the CRL of another issuer' })
    }
  },
)

/** Returns what openssl says about the leaf with a file of several CRLs. */
function judgePem(file: Buffer): string {
  const path = join(mkdtempSync(join(directory, 'pem-')), 'crls.pem')
  writeFileSync(path, file)
  const args = [
    'verify',
    '-crl_check',
    '-extended_crl',
    '-CAfile',
    root.certificateFile,
    '-CRLfile',
    path,
    leaf.certificateFile,
  ]
  const { stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
  return `${stdout}${stderr}`
}

t.test('each of several CRLs in one PEM file revokes, down to the latest that is complete', async (t) => {
  const other = issue(directory, { subject: '/CN=other', issuer: root })
  const at = new Date('2026-01-02T03:04:05Z')
  const now = Date.now()
  const hours = (count: number) => new Date(now + count * HOUR_MS)
  const revoking = async (revoked: Issued | undefined, thisUpdate: Date, extensions = EXTENSIONS) => {
    const authority = new RevocationAuthority(directory, root)
    if (revoked !== undefined) {
      authority.revoke(revoked.certificate, at)
    }
    return inPem(await authority.crl({ extensions, thisUpdate }))
  }
  const some = scope('onlysomereasons = keyCompromise')
  const question = { issuer: root.certificate, serialNumbers: new Set([serial(leaf), serial(other)]) }
  for (const [what, lists, expected] of [
    [
      'a partial one and the complete one before it',
      [await revoking(leaf, hours(-1), some), await revoking(other, hours(-2))],
      2,
    ],
    ['two partial ones', [await revoking(leaf, hours(-1), some), await revoking(other, hours(-2), some)], 2],
    ['one before a complete one', [await revoking(leaf, hours(-1)), await revoking(other, hours(-2))], 1],
    ['two of the same time', [await revoking(leaf, hours(-1)), await revoking(undefined, hours(-1))], 1],
  ] as const) {
    for (const order of [lists, lists.toReversed()]) {
      const { revocations } = await checkCrl(Buffer.concat(order), question, new Date())
      t.equal(revocations.size, expected, what)
      t.ok(revocations.has(serial(leaf)), what)
    }
  }
})

t.test('a CRL of before 1970, or of which nobody can read when it was issued, revokes', async (t) => {
  const authority = new RevocationAuthority(directory, root)
  authority.revoke(leaf.certificate, new Date('2026-01-02T03:04:05Z'))
  const crl = await authority.crl({ extensions: EXTENSIONS })
  for (const time of ['600101000000Z', '261301000000Z']) {
    const changed = resign(crl, root.keyFile, { [CRL.thisUpdate]: timeOf(time) })
    t.equal((await check(changed)).revocations.size, 1, time)
    const good = inPem(await made({ thisUpdate: new Date(Date.now() - HOUR_MS) }))
    const both = check(Buffer.concat([good, inPem(changed)]))
    // The CRL whose thisUpdate has month 13 may be later than the good one, and the CRL of 1960 is not
    await (time.startsWith('26') ? both : t.rejects(both, { message: /^it is PEM/ }))
  }
})

t.test('PEM that ends too early is no CRL', async (t) => {
  const pem = inPem(await made())
  await t.rejects(check(pem.subarray(0, -10)), { message: /^it is no DER/ })
})

t.test('CRLs that are not about certificates', async (t) => {
  const authority = new RevocationAuthority(directory, root)
  authority.revoke(leaf.certificate, new Date())
  const crl = await authority.crl({ extensions: scope('onlyAA = TRUE') })
  t.throws(() => verifyWith(crl), /different CRL scope/)
  await t.rejects(check(crl), { message: 'it is about attribute certificates alone' })
})

/** Returns CRLs of which one revokes the leaf, and the other another certificate. */
async function bothCrls(issuer = root, certificate = leaf): Promise<{ revoking: Buffer; good: Buffer }> {
  const [revoking, good] = [certificate.certificate, { serialNumber: '0102' }].map((revoked) => {
    const authority = new RevocationAuthority(directory, issuer)
    authority.revoke(revoked, new Date('2026-01-02T03:04:05Z'))
    return authority.crl({ extensions: EXTENSIONS })
  }) as [Promise<Buffer>, Promise<Buffer>]
  return { revoking: await revoking, good: await good }
}

const hex = (octets: string) => Buffer.from(octets, 'hex')

t.test('a CRL revokes though an extension is there twice, or one about its scope is malformed', async (t) => {
  const { revoking, good } = await bothCrls()
  const number = ['2.5.29.20', hex('020107')] as const
  const keyIdentifier = ['2.5.29.35', hex('3000')] as const
  const delta = ['2.5.29.27', hex('020107')] as const
  const unknown = ['1.2.3.4', hex('0500')] as const
  const about = (value: string) => ['2.5.29.28', hex(value)] as const
  const twice = (id: string) => `it has the extension ${id} twice`
  const malformed = 'its issuingDistributionPoint is none of RFC 5280 5.2.5'
  for (const [extensions, flaw] of [
    [[number, number], twice('2.5.29.20')],
    [[number, keyIdentifier, keyIdentifier], twice('2.5.29.35')],
    [[unknown, number, unknown, unknown], twice('1.2.3.4')],
    [[delta, delta], twice('2.5.29.27')],
    [[about('30038501ff'), about('30038501ff')], twice('2.5.29.28')],
    [[about('30068501ff8101ff')], malformed],
    [[about('30038601ff')], malformed],
    [[about('30028500')], malformed],
    [[about('30048502ffff')], malformed],
    [[about('0500')], malformed],
    [[about('')], malformed],
  ] as const) {
    const changed = (crl: Buffer) =>
      resign(crl, root.keyFile, { [CRL.extensions]: extensionsOf(0, ...extensions) })
    const label = extensions.map(([id, value]) => `${id} ${value.toString('hex')}`).join()
    t.throws(() => verifyWith(changed(revoking)), /certificate revoked/, label)
    const checked = await check(changed(revoking))
    t.strictSame([checked.flaw, checked.revocations.size], [flaw, 1], label)
    verifyWith(changed(good))
    await t.rejects(check(changed(good)), { message: flaw }, label)
  }
})

/** Returns a CRL in which the length of what is signed is not the shortest. */
function withLongContent(crl: Buffer): Buffer {
  const [toBeSigned = Buffer.alloc(0), algorithm = Buffer.alloc(0)] = elementsOf(crl)
  const content = withLongLength(toBeSigned)
  const signature = sign('sha256', content, createPrivateKey(readFileSync(root.keyFile)))
  return encode(TAG.sequence, content, algorithm, encode(TAG.bitString, Buffer.of(0), signature))
}

t.test('a CRL revokes though a length in it is not the shortest', async (t) => {
  const { revoking, good } = await bothCrls()
  const flaw = 'it is no DER: a length has more octets than it needs'
  const inEntry = (change: (fields: readonly Buffer[]) => Buffer[]) => (crl: Buffer) => {
    const [, , , , , entries = Buffer.alloc(0)] = elementsOf(elementsOf(crl)[0] as Buffer)
    const [entry = Buffer.alloc(0)] = elementsOf(entries)
    const changed = encode(TAG.sequence, ...change(elementsOf(entry)))
    return resign(crl, root.keyFile, { [CRL.entries]: encode(TAG.sequence, changed) })
  }
  const inField = (place: number) => (crl: Buffer) => {
    const fields = elementsOf(elementsOf(crl)[0] as Buffer)
    return resign(crl, root.keyFile, { [place]: withLongLength(fields[place] as Buffer) })
  }
  const other = issue(directory, { subject: '/CN=root', ca: true })
  const extension = ['1.2.3.4', hex('0500')] as const
  const [longExtension = Buffer.alloc(0)] = elementsOf(
    new DerReader(extensionsOf(0, extension)).content(contextTag(0)),
  ).map(withLongLength)
  for (const [label, change] of [
    ['the whole', withLongLength],
    ['what is signed', withLongContent],
    ['thisUpdate', inField(CRL.thisUpdate)],
    ['the list of entries', inField(CRL.entries)],
    ['the extensions', inField(CRL.extensions)],
    [
      'an extension',
      (crl) =>
        resign(crl, root.keyFile, {
          [CRL.extensions]: encode(contextTag(0), encode(TAG.sequence, longExtension)),
        }),
    ],
    ['a serial number', inEntry(([number, time]) => [withLongLength(number as Buffer), time as Buffer])],
    ['a time', inEntry(([number, time]) => [number as Buffer, withLongLength(time as Buffer)])],
  ] satisfies [string, (crl: Buffer) => Buffer][]) {
    t.throws(() => verifyWith(change(revoking)), /certificate revoked/, label)
    const checked = await check(change(revoking))
    t.strictSame([checked.flaw, checked.revocations.size], [flaw, 1], label)
    verifyWith(change(good))
    await t.rejects(check(change(good)), { message: flaw }, label)
    await t.rejects(check(change(revoking), { issuer: other }), { message: /its signature|another key/ })
  }
  // Where there are no entries, the extensions are in their place
  const empty = inField(CRL.entries)(await made({ extensions: EXTENSIONS }))
  verifyWith(empty)
  await t.rejects(check(empty), { message: flaw })
})

t.test('a CRL that says to be about two kinds of certificates alone revokes', async (t) => {
  const { revoking, good } = await bothCrls()
  const flaw = 'its issuingDistributionPoint is none of RFC 5280 5.2.5'
  for (const value of ['30068101ff8201ff', '30068101ff8501ff', '30068201ff8501ff']) {
    const changed = (crl: Buffer) =>
      resign(crl, root.keyFile, { [CRL.extensions]: extensionsOf(0, ['2.5.29.28', hex(value)]) })
    t.ok(judgeCrl(directory, changed(revoking), root))
    const checked = await check(changed(revoking))
    t.strictSame([checked.flaw, checked.revocations.size], [flaw, 1], value)
    await t.rejects(check(changed(good)), { message: flaw }, value)
  }
})

t.test('a CRL revokes though others could forge its signature', async (t) => {
  const rsa = issue(directory, { subject: '/CN=rsa', ca: true, key: RSA_2048 })
  const certificate = issue(directory, { subject: '/CN=leaf', issuer: rsa })
  const { revoking, good } = await bothCrls(rsa, certificate)
  const question = { issuer: rsa.certificate, serialNumbers: new Set([serial(certificate)]) }
  const forms = ['null', 'absent'] as const
  for (const [oid, hash, name] of [
    ['1.2.840.113549.1.1.5', 'sha1', 'SHA-1'],
    ['1.3.14.3.2.29', 'sha1', 'SHA-1'],
    ['1.2.840.113549.1.1.4', 'md5', 'MD5'],
    ['1.3.14.3.2.3', 'md5', 'MD5'],
  ] as const) {
    for (const identifier of forms.map((form) => algorithm(oid, form))) {
      const changed = (crl: Buffer, signed = hash) =>
        resign(crl, rsa.keyFile, { [CRL.signature]: identifier }, identifier, signed)
      const checked = await checkCrl(changed(revoking), question, new Date())
      const flaw = `it is signed with ${name}, which can be forged`
      t.strictSame([checked.flaw, checked.revocations.size], [flaw, 1], oid)
      t.throws(() => verifyWith(changed(revoking), rsa, certificate), /certificate revoked/, oid)
      verifyWith(changed(good), rsa, certificate)
      await t.rejects(checkCrl(changed(good), question, new Date()), { message: flaw }, oid)
      const other = changed(revoking, hash === 'md5' ? 'sha1' : 'md5')
      t.throws(() => verifyWith(other, rsa, certificate), /CRL signature failure/, oid)
      await t.rejects(checkCrl(other, question, new Date()), { message: 'its signature does not verify' })
    }
  }
  for (const oid of ['1.2.840.113549.1.1.2', '1.2.840.113549.1.1.3']) {
    const identifier = algorithm(oid, 'null')
    const changed = resign(revoking, rsa.keyFile, { [CRL.signature]: identifier }, identifier)
    t.throws(() => verifyWith(changed, rsa, certificate), /CRL signature failure/, oid)
    const message = `its signature algorithm, ${oid}, is not supported`
    await t.rejects(checkCrl(changed, question, new Date()), { message })
  }
})

t.test('a CRL that says of each kind that it is not about that alone', async (t) => {
  const allFalse = [1, 2, 4, 5].map((number) => `8${number}0100`).join('')
  const crl = await made({ extensions: [`2.5.29.28 = critical, DER:300c${allFalse}`] })
  t.ok(judgeCrl(directory, crl, root))
  const { scope, flaw } = await check(crl)
  t.strictSame([scope, flaw], [{ distributionPoints: undefined, only: undefined }, undefined])
})

t.test('what only some validators take in a CRL', async (t) => {
  const notCritical = 'which is not to be critical: Bouncy Castle, PDFBox and EU DSS do not take it'
  const nameless =
    'has a critical issuingDistributionPoint that names no address of a CRL: EU DSS does not take it'
  const malformed = (name: string) =>
    `has a malformed extension (${name}): Bouncy Castle, PDFBox and pyHanko do not take it`
  for (const [lines, doubt] of [
    [EXTENSIONS, undefined],
    [['2.5.29.20 = critical, DER:020107'], `has a critical extension, 2.5.29.20, ${notCritical}`],
    [['authorityKeyIdentifier = critical, keyid'], `has a critical extension, 2.5.29.35, ${notCritical}`],
    [scope('onlyuser = TRUE'), nameless],
    [['2.5.29.28 = critical, DER:3000'], nameless],
    [['2.5.29.28 = DER:3000'], undefined],
    [scope('fullname = dirName:point', '[point]', 'CN = CRL1'), nameless],
    [scope(`fullname = URI:${address}`, 'onlyuser = TRUE'), undefined],
    [
      scope('fullname = @names', '[names]', `URI = ${address}`, 'dirName = point', '[point]', 'CN = CRL1'),
      undefined,
    ],
    [['2.5.29.20 = DER:0500'], malformed('crlNumber')],
    [['1.3.6.1.5.5.7.1.1 = DER:0500'], malformed('authorityInfoAccess')],
    [['2.5.29.18 = DER:0500'], malformed('issuerAltName')],
    [['2.5.29.46 = DER:0500'], malformed('freshestCrl')],
    [
      [`freshestCRL = URI:${address}`],
      'has a delta CRL (freshestCRL), which no container holds: pyHanko does not take it',
    ],
    [[`authorityInfoAccess = caIssuers;URI:${address}`], undefined],
  ] as const) {
    const checked = await check(await made({ extensions: lines }))
    t.equal(checked.doubt, doubt, lines.join(' '))
  }
})

t.test(
  'an extension of a CRL that says that it is not critical is a doubt, and the CRL revokes',
  async (t) => {
    const { revoking, good } = await bothCrls()
    const doubt =
      'has an extension that says that it is not critical, the default: Bouncy Castle, PDFBox and EU DSS do not take it'
    for (const [id, value] of [
      ['2.5.29.20', '020107'],
      ['2.5.29.28', '3000'],
      ['1.2.3.4', '0500'],
    ] as const) {
      const changed = (crl: Buffer) =>
        resign(crl, root.keyFile, { [CRL.extensions]: extensionsOf(0, [id, hex(value), false]) })
      verifyWith(changed(good))
      t.match(await check(changed(good)), { doubt, flaw: undefined }, id)
      t.throws(() => verifyWith(changed(revoking)), /certificate revoked/, id)
      const { revocations, flaw } = await check(changed(revoking))
      t.strictSame([revocations.size, flaw], [1, undefined], id)
    }
  },
)

t.test('a CRL with a fraction of a second in a time, which openssl does not take', async (t) => {
  const doubt = 'has a time with a fraction of a second (RFC 5280 5.1.2.4): OpenSSL does not take it'
  const { good } = await bothCrls()
  for (const [place, text, message] of [
    [CRL.thisUpdate, '20250101000000.5Z', /format error in CRL's lastUpdate/],
    [CRL.nextUpdate, '20990101000000.5Z', /format error in CRL's nextUpdate/],
  ] as const) {
    const withTime = (time: string) => resign(good, root.keyFile, { [place]: timeOf(time) })
    t.throws(() => verifyWith(withTime(text)), message)
    t.equal((await check(withTime(text))).doubt, doubt)
    const whole = text.replace('.5', '')
    verifyWith(withTime(whole))
    t.equal((await check(withTime(whole))).doubt, undefined, whole)
  }
})

t.test('what only some validators take in the version and the entries of a CRL', async (t) => {
  const { good } = await bothCrls()
  const changed = (fields: Record<number, Buffer>) => check(resign(good, root.keyFile, fields))
  const version = (number: number) => ({ [CRL.version]: encode(TAG.integer, Buffer.of(number)) })
  const otherVersion = 'has another version than 2: Bouncy Castle and PDFBox do not take it'
  const wrongReason = 'has a reasonCode that is no ENUMERATED: Bouncy Castle and PDFBox do not take it'
  const entry = (value: string, critical: string | undefined, id = '2.5.29.21') => {
    const flag = critical === undefined ? [] : [encode(TAG.boolean, hex(critical))]
    const extension = [encodeObjectIdentifier(id), ...flag, encode(TAG.octetString, hex(value))]
    return encode(
      TAG.sequence,
      encode(TAG.integer, Buffer.of(5)),
      timeOf('260102030405Z'),
      encode(TAG.sequence, encode(TAG.sequence, ...extension)),
    )
  }
  const listing = (...listed: Buffer[]) => ({ [CRL.entries]: encode(TAG.sequence, ...listed) })
  const entries = (...reasons: string[]) => listing(...reasons.map((reason) => entry(reason, undefined)))
  const date = '180f32303236303130313030303030305a'
  const criticalEntry = (id: string) =>
    `has an entry with a critical extension, ${id}, which is not to be critical: OpenSSL does not take it`
  for (const [fields, doubt] of [
    [version(0), otherVersion],
    [version(1), undefined],
    [version(2), otherVersion],
    [entries('0a0101', '0a0104'), undefined],
    [entries('0a0101', '020101'), wrongReason],
  ] as const) {
    t.equal((await changed(fields)).doubt, doubt)
  }
  for (const [listed, id] of [
    [[entry('0a0101', 'ff'), entry('0a0104', undefined)], '2.5.29.21'],
    [[entry('0a0101', undefined), entry(date, 'ff', '2.5.29.24')], '2.5.29.24'],
    [[entry(date, undefined, '2.5.29.24')], undefined],
  ] as const) {
    const crl = resign(good, root.keyFile, listing(...listed))
    t.equal((await check(crl)).doubt, id && criticalEntry(id))
    if (id === undefined) {
      verifyWith(crl)
    } else {
      t.throws(() => verifyWith(crl), /unhandled critical CRL extension/)
    }
  }
  t.equal((await check(await made())).doubt, undefined, 'version 1 is the default')
})

t.test('a CRL about certificates of one kind, or of one distribution point', async (t) => {
  const own = readAddresses(readCertificateFields(leaf.certificate)).distributionPoints
  for (const [lines, outOfScope] of [
    [['onlyuser = TRUE'], undefined],
    [['onlyCA = TRUE'], 'it is about other kinds of certificates'],
    [[`fullname = URI:http://other.example/, URI:${address}`], undefined],
    [['fullname = URI:http://other.example/'], 'it is the one of another distribution point'],
    [['relativename = name', '[name]', 'CN = part'], 'it is the one of another distribution point'],
  ] as const) {
    const extensions = ['issuingDistributionPoint = critical, @scope', '[scope]', ...lines]
    const { scope } = await check(await made({ extensions }))
    t.equal(findScopeProblem(scope, leaf.certificate, own), outOfScope, lines[0])
  }
})

t.test(
  'a CRL that names its distribution point in other octets than the certificate covers it',
  async (t) => {
    const own = readAddresses(readCertificateFields(leaf.certificate)).distributionPoints
    for (const [line, isOtherwise] of [
      ['onlyuser = TRUE', false],
      [`fullname = URI:${address}`, false],
      [`fullname = URI:http://CRL.example/list.crl, URI:${address}`, false],
      ['fullname = URI:HTTP://crl.example/list.crl', true],
      ['fullname = URI:http://crl.EXAMPLE:80/list.crl', true],
      ['fullname = URI:http://crl.example/./list.crl', true],
    ] as const) {
      const crl = await made({ extensions: scope(line) })
      const checked = await check(crl)
      t.equal(findScopeProblem(checked.scope, leaf.certificate, own), undefined, line)
      t.equal(isNamedOtherwise(checked.scope, own), isOtherwise, line)
      if (isOtherwise) {
        t.throws(() => verifyWith(crl), /different CRL scope/, line)
      } else {
        verifyWith(crl)
      }
    }
  },
)

t.test(
  'a distribution point whose name is relative to that of its issuer, as openssl compares it',
  async (t) => {
    const [point, name] = [
      ['[point]', 'relativename = name'],
      (letter: string) => ['[name]', `CN = part ${letter}`],
    ]
    const certificate = issue(directory, {
      ...{ subject: '/CN=relative', issuer: root },
      extension: ['crlDistributionPoints = point', ...point, ...name('a')].join('\n'),
    })
    const { distributionPoints } = readAddresses(readCertificateFields(certificate.certificate))
    for (const [names, outOfScope] of [
      [['relativename = name', ...name('a')], undefined],
      [['relativename = name', ...name('b')], 'it is the one of another distribution point'],
      [['fullname = dirName:name', '[name]', '0.CN = root', '1.CN = part a'], undefined],
      [['fullname = dirName:name', '[name]', '0.CN = ROOT', '1.CN = Part A'], undefined],
    ] as const) {
      const crl = await made({ extensions: scope(...names) })
      const checked = await check(crl)
      t.equal(findScopeProblem(checked.scope, certificate.certificate, distributionPoints), outOfScope)
      if (outOfScope === undefined) {
        t.notOk(isNamedOtherwise(checked.scope, distributionPoints))
        verifyWith(crl, root, certificate)
      } else {
        t.throws(() => verifyWith(crl, root, certificate), /different CRL scope/)
      }
    }
  },
)

t.test('what is no CRL at all', async (t) => {
  const whole = await made()
  for (const [der, message] of [
    [Buffer.from('\r\n<!DOCTYPE html>'), /^it is a page of HTML or XML/],
    [Buffer.alloc(0), /^it is empty$/],
    [gzipSync(whole), /^it is compressed with gzip/],
    [whole.subarray(0, -1), /^it is no DER/],
    [leaf.certificate.raw, /^it is no DER|^it says two things/],
  ] as const) {
    await t.rejects(check(der), { message })
  }
})
