import { join } from 'node:path'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import t from 'tap'
import { addRevocationValues } from '../../src/cms/revocation-values.ts'
import { readTimestampToken } from '../../src/timestamp/timestamp-token.ts'
import { type Authorities, CRL_EXTENSIONS, startAuthorities } from '../support/authorities.ts'
import { RSA_2048 } from '../support/certificates.ts'
import {
  attribute,
  block,
  revocationValues,
  SIGNATURE_TIMESTAMP,
  signatureOf,
  unsignedValue,
  withUnsigned,
} from '../support/container-parts.ts'
import { ocspAbout, timestampOver } from '../support/long-term-evidence.ts'
import { signInSoftware } from '../support/software-container.ts'
import { asn1Parse, verifyTimestamp } from '../support/validators/openssl.ts'
import { startBouncyCastle, WITHOUT_JAVA } from '../support/validators/start-bouncy-castle.ts'

const REVOCATION_VALUES = '1.2.840.113549.1.9.16.2.24'
const DATA = Buffer.from('what is timestamped')

const directory = t.testdir()
const authorities: Authorities = await startAuthorities(join(directory, 'authorities'))
t.teardown(() => authorities.server.close())
const { timestampRoot, timestampIssuing } = authorities
const values = {
  ocspResponses: [await ocspAbout(timestampIssuing.issued, timestampRoot)],
  crls: [await timestampIssuing.crl({ extensions: CRL_EXTENSIONS })],
}
const token = await timestampOver(authorities, DATA)
const trustAnchors = timestampRoot.issued.certificateFile

/** The attribute as asn1js encodes it. */
function expected({ crls, ocspResponses }: typeof values): Buffer {
  return Buffer.from(
    (
      revocationValues(crls, ocspResponses).valueBlock.value[1] as asn1js.Set
    ).valueBlock.value[0]?.toBER() as ArrayBuffer,
  )
}

/** Object identifiers of the unsigned attributes, as pkijs reads them. */
function unsignedTypes(token: Buffer): string[] {
  const { content } = pkijs.ContentInfo.fromBER(token)
  const { signerInfos } = new pkijs.SignedData({ schema: content })
  return (signerInfos[0]?.unsignedAttrs?.attributes ?? []).map(({ type }) => type)
}

t.test('revocation data become an unsigned attribute, and the timestamp stays valid', async (t) => {
  const added = addRevocationValues(token, values)
  t.same(unsignedTypes(added), [REVOCATION_VALUES])
  t.same(unsignedValue(added, REVOCATION_VALUES), expected(values))
  t.match(await asn1Parse(added), /:id-smime-aa-ets-revocationValues/)
  const { valid, message } = await verifyTimestamp({ token: added, data: DATA, trustAnchors })
  t.ok(valid, message)
  const changed = await verifyTimestamp({ token: added, data: Buffer.from('else'), trustAnchors })
  t.notOk(changed.valid, 'it is one of these data alone')
})

t.test('a kind of data of which there are none is left out', async (t) => {
  for (const part of [
    { ...values, crls: [] },
    { ...values, ocspResponses: [] },
  ]) {
    t.same(unsignedValue(addRevocationValues(token, part), REVOCATION_VALUES), expected(part))
  }
})

t.test('unsigned attributes that are there stay, in the order of DER', async (t) => {
  for (const type of ['1.2.840.113549.1.9.16.2.14', '1.3.6.1.4.1.99999.7']) {
    const before = withUnsigned(
      token,
      attribute(type, new asn1js.OctetString({ valueHex: Buffer.alloc(5_000) })),
    )
    const added = addRevocationValues(before, values)
    t.same(unsignedTypes(added).toSorted(), [REVOCATION_VALUES, type].toSorted())
    t.same(unsignedValue(added, REVOCATION_VALUES), expected(values))
    const { content } = pkijs.ContentInfo.fromBER(added)
    const { signerInfos } = new pkijs.SignedData({ schema: content })
    const encodings = signerInfos[0]?.unsignedAttrs?.attributes.map((one) =>
      Buffer.from(one.toSchema().toBER()),
    )
    t.same(encodings, encodings?.toSorted(Buffer.compare))
    const { valid, message } = await verifyTimestamp({ token: added, data: DATA, trustAnchors })
    t.ok(valid, message)
  }
})

t.test('revocation-values that came with the token, which nobody has signed, are replaced', async (t) => {
  const empty = attribute(REVOCATION_VALUES, new asn1js.Sequence({ value: [] }))
  const garbage = attribute(REVOCATION_VALUES, new asn1js.OctetString({ valueHex: Buffer.alloc(10) }))
  for (const came of [[empty], [garbage], [empty, garbage]]) {
    const added = addRevocationValues(withUnsigned(token, ...came), values)
    t.same(unsignedTypes(added), [REVOCATION_VALUES])
    t.same(unsignedValue(added, REVOCATION_VALUES), expected(values))
  }
  const part = { ocspResponses: values.ocspResponses, crls: [] }
  t.same(addRevocationValues(addRevocationValues(token, values), part), addRevocationValues(token, part))
})

t.test('data can be added to each token that is read, whatever stands beside its signature', async (t) => {
  const tokens = [0, 1, 999, 1_001, 2_000].map((count) =>
    withUnsigned(token, ...Array.from({ length: count }, () => attribute('1.2.3', new asn1js.Null()))),
  )
  const empty = new asn1js.Sequence({ value: [] })
  const outcomes = [
    ...tokens,
    withUnsigned(token, empty),
    withUnsigned(token, attribute('1.2.3', empty)),
  ].map((came) => {
    try {
      readTimestampToken(came)
    } catch {
      return 'refused'
    }
    return unsignedValue(addRevocationValues(came, values), REVOCATION_VALUES)?.equals(expected(values))
  })
  t.same(outcomes, [true, true, true, 'refused', 'refused', 'refused', true])
})

t.test('what is malformed throws', async (t) => {
  const added = addRevocationValues(token, values)
  for (let length = 0; length < added.length; length += 97) {
    t.throws(() => addRevocationValues(added.subarray(0, length), values), `${length} bytes`)
  }
  t.throws(() => addRevocationValues(Buffer.concat([token, Buffer.of(5, 0)]), values), /something follows/)
  for (const response of [Buffer.of(), Buffer.from('30030a0106', 'hex'), Buffer.from('no response')]) {
    t.throws(() => addRevocationValues(token, { ...values, ocspResponses: [response] }))
  }
  const stranger = withUnsigned(token, new asn1js.Sequence({ value: [] }))
  t.throws(() => addRevocationValues(stranger, values))
})

t.test('Bouncy Castle verifies the timestamp and finds the data in it', { skip: WITHOUT_JAVA }, async (t) => {
  const bouncyCastle = await startBouncyCastle(t)
  const signer = authorities.certify({ subject: '/O=Test/CN=Signer', key: RSA_2048 })
  const chain = [authorities.issuing.issued, authorities.root.issued]
  const container = signInSoftware({ content: DATA, signer, chain, type: 'cades' })
  const plain = await timestampOver(authorities, signatureOf(container))
  const judge = (token: Buffer) =>
    bouncyCastle.cms(withUnsigned(container, attribute(SIGNATURE_TIMESTAMP, block(token))), DATA, {
      ...{ anchors: authorities.root.issued.certificateFile, timestampAnchors: trustAnchors },
      ...{ type: 'cades', level: 'b-lt' },
    })
  const good = { timestamp: 'good', 'timestamp-path': 'good', 'timestamp-revocation': 'good' }
  t.match(await judge(addRevocationValues(plain, values)), good)
  t.match(await judge(plain), { ...good, 'timestamp-revocation': /may be revoked/ })
  const lacking = addRevocationValues(plain, { ...values, crls: [] })
  t.match(await judge(lacking), { ...good, 'timestamp-revocation': /CN=Timestamps.* may be revoked/ })
})
