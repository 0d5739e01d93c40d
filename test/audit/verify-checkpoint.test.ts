import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SHA_256 } from '../../src/algorithms/hash-algorithms.ts'
import { encode, encodeObjectIdentifier } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { encodeCanonical } from '../../src/audit/chain.ts'
import { CheckpointVerifier } from '../../src/audit/verify-checkpoint.ts'
import { encodeAttribute } from '../../src/cms/signed-attributes.ts'
import { createNonce, encodeTimestampRequest } from '../../src/timestamp/timestamp-request.ts'
import { readTimestampResponse } from '../../src/timestamp/verify-response.ts'
import {
  changeSignerInfo,
  createCheckpointAuthorities,
  LogBuilder,
  SIGNATURE_TIMESTAMP,
  signatureOf,
  signStatement,
  timestamp,
  trustIn,
  withTimestamp,
  withUnsignedAttributes,
} from '../support/audit-log.ts'
import { issue, RSA_2048, withUnknownKey } from '../support/certificates.ts'
import { FOR_TIMESTAMPS, forge, POLICY, tstInfoOf } from '../support/timestamp-authority.ts'
import { verifyCms, verifyTimestamp } from '../support/validators/openssl.ts'

const directory = t.testdir()
const authorities = createCheckpointAuthorities(join(directory, 'authorities'))
const { root, signer, timestamps, respond } = authorities
const trust = trustIn(authorities)
const statement = new LogBuilder().add({ kind: 'torn', bytes: 1, sha256: 'a'.repeat(64) }).statement()
const cms = await signStatement(statement, signer)
const stamped = await withTimestamp(cms, respond)
const DAY_MS = 86_400_000

function verify(container: Buffer, changes: Partial<typeof trust> = {}, about = statement) {
  return new CheckpointVerifier({ ...trust, ...changes }).verify(
    { statement: about },
    container.toString('base64'),
  )
}

function refuses(t: Test, container: Buffer, message: RegExp, changes: Partial<typeof trust> = {}) {
  t.throws(() => verify(container, changes), { message })
}

t.test('what OpenSSL verifies, this does, with and without a timestamp', async (t) => {
  for (const container of [cms, stamped]) {
    const content = Buffer.from(encodeCanonical(statement))
    const options = { cms: container, content, trustAnchors: root.certificateFile, cades: true }
    t.ok((await verifyCms(options)).valid)
    t.match(verify(container), { trusted: true })
  }
  const data = signatureOf(stamped)
  const token = await timestamp(data, respond)
  t.ok((await verifyTimestamp({ token, data, trustAnchors: timestamps.root.certificateFile })).valid)
  const { timestamp: found } = verify(stamped)
  t.ok(found?.trusted)
  t.equal(found?.authority.subject, 'O=Test\nCN=Timestamps')
  t.equal(verify(cms).timestamp, undefined)
})

t.test('signers of all kinds', async (t) => {
  const rsa = issue(directory, { subject: '/CN=RSA', issuer: root, key: RSA_2048 })
  const issuing = issue(directory, { subject: '/CN=Issuing', issuer: root, ca: true })
  const below = issue(directory, { subject: '/CN=Below', issuer: issuing })
  t.ok(verify(await signStatement(statement, rsa, { pss: true })).trusted, 'RSASSA-PSS')
  t.ok(verify(await signStatement(statement, rsa, { hash: 'sha512' })).trusted, 'SHA-512')
  const embedded = await signStatement(statement, below, { chain: [issuing, root] })
  t.ok(verify(embedded).trusted, 'with the authority between embedded')
  t.ok(verify(embedded, { certificates: [issuing.certificate] }).trusted, 'an authority that is no root')
  t.ok(verify(embedded, { certificates: [below.certificate] }).trusted, 'the certificate itself')
  const alone = await signStatement(statement, below)
  t.ok(verify(alone, { certificates: [root.certificate, issuing.certificate] }).trusted, 'with both given')
  refuses(t, alone, /and was certified by none of them/)
  const verifier = new CheckpointVerifier(trust)
  for (let time = 0; time < 3; time++) {
    t.ok(verifier.verify({ statement }, stamped.toString('base64')).trusted, 'again and again')
  }
})

t.test('whom nobody trusts', async (t) => {
  const other = issue(directory, { subject: '/O=Test/CN=Root', ca: true })
  refuses(
    t,
    cms,
    /is signed by "O=Test, CN=Audit", which cannot be trusted: its certificate is none of those/,
    {
      certificates: [other.certificate],
    },
  )
  t.equal(verify(cms, { certificates: [] }).trusted, false)
  const self = issue(directory, { subject: '/CN=Self' })
  refuses(t, await signStatement(statement, self), /was certified by none of them/)
  t.ok(verify(await signStatement(statement, self), { certificates: [self.certificate] }).trusted)
})

t.test('certificates that are not for this', async (t) => {
  const sign = (options: object) =>
    signStatement(statement, issue(directory, { subject: '/CN=Other', issuer: root, ...options }))
  const stated = Date.parse(statement.time)
  refuses(
    t,
    await sign({ notBefore: new Date(stated - 9 * DAY_MS), notAfter: new Date(stated - DAY_MS) }),
    /expired at/,
  )
  refuses(t, await sign({ notBefore: new Date(stated + DAY_MS) }), /is not valid before/)
  refuses(
    t,
    await sign({ extensions: ['keyUsage = critical, keyEncipherment'] }),
    /is not for signatures, by its key usage/,
  )
  t.ok(verify(await sign({ extensions: ['basicConstraints = CA:FALSE'] })).trusted, 'no key usage allows all')
  const leaf = issue(directory, {
    subject: '/CN=Leaf as CA',
    issuer: root,
    extension: 'subjectAltName = DNS:a',
  })
  const below = issue(directory, {
    subject: '/CN=Below',
    issuer: leaf,
    extensions: ['basicConstraints = CA:FALSE'],
  })
  refuses(t, await signStatement(statement, below, { chain: [leaf] }), /cannot be trusted/)
})

t.test('the time of a trusted authority counts, in place of that of the statement', async (t) => {
  const minutes = (count: number) => new Date(Date.now() + count * 60_000)
  const late = issue(directory, { subject: '/CN=Late', issuer: root, notBefore: minutes(4) })
  const about = { ...statement, time: minutes(8).toISOString() }
  const made = await signStatement(about, late)
  t.ok(verify(made, {}, about).trusted)
  const early = await withTimestamp(made, respond)
  t.throws(() => verify(early, {}, about), { message: /is not valid before/ })
  t.ok(verify(early, { timestampAnchors: [] }, about).trusted)
})

t.test('signatures that are not over the statement', async (t) => {
  const invalid = /^has a signature that is not valid: its /
  refuses(
    t,
    await signStatement({ ...statement, records: 2 }, signer),
    /its signed message-digest is not that of the statement/,
  )
  refuses(
    t,
    await signStatement(statement, signer, { cades: false }),
    /signing-certificate is not the certificate/,
  )
  const forged = changeSignerInfo(cms, (elements) =>
    elements.map((one) => {
      const changed = Buffer.from(one)
      if (one[0] === TAG.octetString) changed.writeUInt8(changed.readUInt8(20) ^ 1, 20)
      return changed
    }),
  )
  refuses(t, forged, /its signature does not count/)
  refuses(t, forged, invalid)
  refuses(
    t,
    await signStatement(statement, signer, { hash: 'sha160' }),
    /with a hash algorithm that is not supported/,
  )
})

t.test('what is no such container', async (t) => {
  const none = /^has a signature that is no CAdES container with one signer/
  const another = issue(directory, { subject: '/CN=Another', issuer: root })
  const oid = encodeObjectIdentifier('1.2.840.113549.1.7.1')
  for (const [name, container] of Object.entries({
    nothing: Buffer.alloc(0),
    'no DER': Buffer.from('text'),
    'no SignedData': encode(TAG.sequence, oid),
    'more behind it': Buffer.concat([cms, Buffer.of(0)]),
    'two signers': await signStatement(statement, signer, { signers: [signer, another] }),
    'no signed attributes': changeSignerInfo(cms, (elements) => elements.filter(([tag]) => tag !== 0xa0)),
    'wrong attributes': changeSignerInfo(cms, (elements) =>
      elements.map((one) => (one[0] === 0xa0 ? encode(0xa0, encode(TAG.octetString)) : one)),
    ),
    'a wrong hash algorithm': changeSignerInfo(cms, (elements) =>
      elements.with(2, encode(TAG.sequence, encode(TAG.octetString))),
    ),
  })) {
    t.throws(() => verify(container), { message: none }, name)
  }
  const text = cms.toString('base64')
  const verifier = new CheckpointVerifier(trust)
  t.throws(() => verifier.verify({ statement }, `${text}\n`), { message: none }, 'other base64')
  const unknown = withUnknownKey(signer.certificate).raw
  const replaced = Buffer.from(cms)
  unknown.copy(replaced, replaced.indexOf(signer.certificate.raw))
  t.throws(() => verify(replaced), { message: none }, 'a key of an unknown type')
  const attached = await signStatement(statement, signer, { attached: true })
  t.throws(() => verify(attached), { message: none }, 'the statement is inside')
  const without = await signStatement(statement, signer, { withoutCertificates: true })
  t.throws(() => verify(without), { message: none }, 'no certificate')
})

t.test('timestamps that prove nothing', async (t) => {
  refuses(
    t,
    await withTimestamp(cms, respond, Buffer.from('other')),
    /timestamp that is not valid: it is over something else/,
  )
  refuses(t, stamped, /it cannot be trusted: no path to a self-signed certificate of the CA file/, {
    timestampAnchors: [root.certificate],
  })
  t.match(verify(stamped, { timestampAnchors: [] }).timestamp, { trusted: false })
  const other = issue(directory, {
    ...{ subject: '/O=Test/CN=No TSA', issuer: timestamps.issuing },
    extensions: FOR_TIMESTAMPS.map((line) =>
      line.replace('critical, timeStamping', 'critical, timeStamping, codeSigning'),
    ),
  })
  const query = encodeTimestampRequest({
    ...{
      hashAlgorithm: SHA_256,
      digest: createHash('sha256').update(signatureOf(cms)).digest(),
      nonce: createNonce(),
    },
  })
  const tstInfo = tstInfoOf(directory, await respond(query))
  const forged = readTimestampResponse(
    forge(directory, { tstInfo, signers: [other], chain: [timestamps.issuing] }),
  )
  const attribute = encodeAttribute(SIGNATURE_TIMESTAMP, forged)
  refuses(t, withUnsignedAttributes(cms, attribute), /is not for timestamps alone/)
  const old = { ...statement, time: new Date(Date.parse(statement.time) - 660_000).toISOString() }
  const early = await withTimestamp(await signStatement(old, signer), respond)
  t.throws(() => verify(early, {}, old), {
    message: /timestamp that is not valid: it is 6\d\d seconds off the time/,
  })
  const malformed = withUnsignedAttributes(
    cms,
    encodeAttribute(SIGNATURE_TIMESTAMP, Buffer.from('3000', 'hex')),
  )
  refuses(t, malformed, /timestamp that is not valid: it is malformed/)
  const one = encodeAttribute(SIGNATURE_TIMESTAMP, await timestamp(signatureOf(cms), respond))
  refuses(t, withUnsignedAttributes(cms, one, one), /is no CAdES container/)
  t.equal(
    verify(withUnsignedAttributes(cms, encodeAttribute(POLICY, Buffer.from('0500', 'hex')))).timestamp,
    undefined,
  )
})
