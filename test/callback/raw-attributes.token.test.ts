/** Raw signatures are made over signed attributes of the signer, and over anything else only where it is allowed. */

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as asn1js from 'asn1js'
import t, { type Test } from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { encodePssParameters, ID_RSASSA_PSS } from '../../src/algorithms/rsa-pss.ts'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../src/asn1/tag.ts'
import { readCertificateFields } from '../../src/x509/certificate-fields.ts'
import {
  attributesNaming,
  basicAttributes,
  encodeAttributes,
  namingAttribute,
  OID,
  octets,
  oid,
  protectionAttribute,
  sequence,
  timeAttribute,
} from '../support/attributes-to-sign.ts'
import { attribute, block } from '../support/container-parts.ts'
import { toDer } from '../support/document-engine/der.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { signPdf } from '../support/document-engine/sign-pdf.ts'
import { checkRefusal } from '../support/refusal.ts'
import { scrape } from '../support/scrape.ts'
import { type Service, startReadyService } from '../support/service.ts'
import { createSignersFolder, tokenFor } from '../support/signers.ts'
import { verifyCms, verifySignature } from '../support/validators/openssl.ts'
import { readPdfSignatures } from '../support/validators/pdf-signatures.ts'

const folder = await createSignersFolder(t.testdir())
const house = await folder.addKey('house', 'rsa')
const contracts = await folder.addKey('contracts', 'rsa')
const renewed = folder.certify('house', {}, 'renewed.pem')
folder.write({
  house: folder.entry('house'),
  contracts: folder.entry('contracts'),
  strict: folder.entry('house', { key: { label: 'house' }, rawSigning: 'signed-attributes' }),
  pss: folder.entry('house', { key: { label: 'house' }, signatureAlgorithm: 'rsassa-pss', raw: true }),
})
const service = await startReadyService(t, folder.environment)

/** TBSCertificate: who signs it has issued a certificate. */
const certificateToSign = (() => {
  const { result } = asn1js.fromBER(house.certificate.raw)
  return Buffer.from(
    ((result as asn1js.Sequence).valueBlock.value[0] as asn1js.Sequence).valueBeforeDecodeView,
  )
})()

function ask(data: Buffer, fields: object = {}, to: Service = service) {
  return to.sign({
    ...{ action: 'sign', signature_type: 'cades', hash_algorithm: 'sha256' },
    data_to_be_signed: data.toString('base64'),
    ...fields,
  })
}

async function checkSigned(
  t: Test,
  data: Buffer,
  fields: object,
  what: string,
  hash = 'sha256',
): Promise<void> {
  const { statusCode, body } = await ask(data, fields)
  t.equal(statusCode, 200, `${what}: ${statusCode === 200 ? '' : body}`)
  const { valid, message } = await verifySignature({
    ...{ certificate: readFileSync(house.certificateFile), hash, data, signature: body },
  })
  t.ok(valid, message)
}

/** Signatures that the token has made for requests or by itself. */
async function signaturesMade(): Promise<number> {
  const { samples } = await scrape(service.url)
  return [...samples]
    .filter(([name]) => /^signing_service_signatures_total.*outcome="signed"/.test(name))
    .reduce((sum, [, value]) => sum + value, 0)
}

t.test('attributes that name the certificate of the signer are signed, whatever names it', async (t) => {
  for (const hash of ['sha1', 'sha224', 'sha256', 'sha384', 'sha512']) {
    await checkSigned(t, attributesNaming(house.certificate.raw, hash), {}, hash)
  }
  const first = namingAttribute('sha256', house.certificate.raw, folder.issuing.certificate.raw)
  await checkSigned(t, encodeAttributes(...basicAttributes(), first), {}, 'its issuer behind it')
  const { issuer, serialNumber } = readCertificateFields(house.certificate)
  await checkSigned(t, withIssuerSerial(issuer, serialNumber), {}, 'its issuer and serial number')
})

/** Returns attributes that name the certificate of the signer by its digest, and by issuer and serial number. */
function withIssuerSerial(issuer: Buffer, serialNumber: Buffer): Buffer {
  const name = encode(TAG.sequence, encode(contextTag(4), issuer))
  const value = encode(TAG.sequence, name, encode(TAG.integer, serialNumber))
  const digest = octets(createHash('sha256').update(house.certificate.raw).digest())
  return encodeAttributes(
    ...basicAttributes(),
    attribute(OID.signingCertificateV2, sequence(sequence(sequence(digest, block(value))))),
  )
}

t.test(
  'attributes that `openssl cms -cades` takes for those of another certificate are refused',
  async (t) => {
    const { issuer, subject, serialNumber } = readCertificateFields(house.certificate)
    const another = /^data_to_be_signed: names the certificate of the signer with another issuerSerial$/
    for (const [data, message] of [
      [withIssuerSerial(issuer, Buffer.of(5)), another],
      [withIssuerSerial(subject, serialNumber), another],
      [
        encodeAttributes(
          ...basicAttributes(),
          namingAttribute('sha256', house.certificate.raw, contracts.certificate.raw),
        ),
        /^data_to_be_signed: names a certificate behind that of the signer which is not one of its issuers/,
      ],
    ] as const) {
      checkRefusal(t, await ask(data), { statusCode: 400, code: 'SIGNER_MISMATCH', message })
    }
  },
)

t.test('attributes are no contents: a container over them is no signature of the document', async (t) => {
  const before = await signaturesMade()
  for (const attributes of [
    attributesNaming(house.certificate.raw),
    encodeAttributes(...basicAttributes()),
    longAttributes(9_000, ...basicAttributes(), namingAttribute('sha256', house.certificate.raw)),
    longAttributes(200_000, ...basicAttributes()),
  ]) {
    const text = attributes.toString('base64')
    for (const [field, body] of [
      ['encoded_contents', { action: 'sign_pkcs7', encoded_contents: text }],
      ['data_to_be_signed', { action: 'sign_pkcs7', data_to_be_signed: text }],
      ['data_to_be_signed', { action: 'sign', signature_container: 'pkcs7', data_to_be_signed: text }],
      ['encodedContents', { encodedContents: text }],
    ] as const) {
      checkRefusal(t, await service.sign({ ...body, signing_token: tokenFor('house') }), {
        statusCode: 400,
        code: 'INVALID_REQUEST',
        message: new RegExp(`^${field}: are signed attributes, not the contents of a document`),
      })
    }
  }
  t.equal(await signaturesMade(), before)
  // Their first octet is that of a SET
  for (const contents of [
    Buffer.from('1;2;3\n'.repeat(20_000)),
    Buffer.from('1'),
    encode(TAG.set, Buffer.alloc(0)),
  ]) {
    const { statusCode } = await service.sign({
      ...{ action: 'sign_pkcs7', encoded_contents: contents.toString('base64') },
      signing_token: tokenFor('house'),
    })
    t.equal(statusCode, 200)
  }
})

t.test('attributes that name a certificate which is not that of the signer are refused', async (t) => {
  const before = await signaturesMade()
  const unknown =
    'data_to_be_signed: names a certificate that is not that of the signer, whose serial number is ' +
    `${house.certificate.serialNumber}; get_certificates and sign need the same signing_token, and the signer or its ` +
    'certificate may have changed in between; leave certificates out of the sign request to Document Engine'
  const both = encodeAttributes(
    ...[...basicAttributes(), namingAttribute('sha256', house.certificate.raw)],
    namingAttribute('sha1', renewed.certificate.raw),
  )
  for (const [data, message] of [
    [attributesNaming(randomBytes(700)), unknown],
    [attributesNaming(randomBytes(700), 'sha1'), unknown],
    [attributesNaming(renewed.certificate.raw, 'sha512'), unknown],
    [attributesNaming(folder.issuing.certificate.raw), unknown],
    [encodeAttributes(namingAttribute('sha256', renewed.certificate.raw, house.certificate.raw)), unknown],
    [both, unknown],
    [attributesNaming(contracts.certificate.raw, 'sha384'), unknown],
  ] as const) {
    for (const signature_type of ['cades', 'cms']) {
      checkRefusal(t, await ask(data, { signature_type }), {
        ...{ statusCode: 400, code: 'SIGNER_MISMATCH', message },
      })
    }
  }
  t.equal(await signaturesMade(), before)
})

t.test('attributes that name a certificate and cannot be read are refused', async (t) => {
  const valid = attributesNaming(house.certificate.raw)
  const implicit = Buffer.from(valid)
  implicit[0] = 0xa0
  const empty = encodeAttributes(...basicAttributes(), attribute(OID.signingCertificateV2, sequence()))
  const named = namingAttribute('sha256', house.certificate.raw)
  const unsorted = new asn1js.Set({
    value: [new asn1js.Integer({ value: 9 }), new asn1js.Integer({ value: 1 })],
  })
  const more = [
    sequence(oid('1.2.3'), unsorted),
    attribute('1.2.840.113549.1.9.6', sequence()),
    attribute('1.2.3', new asn1js.Integer({ valueHex: Buffer.of(0, 1) })),
  ].map((one) => encodeAttributes(...basicAttributes(), named, one))
  const reversed = encode(TAG.set, ...new DerReader(valid).enter(TAG.set).elements().toReversed())
  for (const data of [
    ...[implicit, valid.subarray(0, -1), Buffer.concat([valid, Buffer.of(0)]), empty, reversed],
    ...more,
  ]) {
    checkRefusal(t, await ask(data), {
      statusCode: 400,
      code: 'INVALID_REQUEST',
      message: /^data_to_be_signed: are signed attributes whose certificate cannot be told: /,
    })
  }
})

t.test(
  'attributes in another order are refused, whatever they name, and however long they are',
  async (t) => {
    const unsorted = (...attributes: asn1js.BaseBlock[]) => {
      const sorted = encodeAttributes(...attributes)
      return encode(TAG.set, ...new DerReader(sorted).enter(TAG.set).elements().toReversed())
    }
    const long = attribute('1.2.840.113583.1.1.8', octets(Buffer.alloc(100_000, 1)))
    const naming = namingAttribute('sha256', contracts.certificate.raw)
    const before = await signaturesMade()
    for (const [data, fields] of [
      [unsorted(...basicAttributes('sha512')), { hash_algorithm: undefined, signature_type: 'cms' }],
      [unsorted(...basicAttributes(), namingAttribute('sha256', house.certificate.raw)), {}],
      [toDer(new asn1js.Set({ value: [...basicAttributes().toReversed(), long, naming] })), {}],
    ] as const) {
      checkRefusal(t, await ask(data, fields), {
        ...{ statusCode: 400, code: 'INVALID_REQUEST' },
        message: /whose certificate cannot be told: they are (long, and )?not in the order of DER/,
      })
    }
    t.equal(await signaturesMade(), before)
  },
)

/** Attributes of so many bytes, most of them of an adbe-revocationInfoArchival (ISO 32000-2 12.8.3.3.2). */
function longAttributes(length: number, ...attributes: asn1js.Sequence[]): Buffer {
  const encoded = (size: number) =>
    encodeAttributes(...attributes, attribute('1.2.840.113583.1.1.8', octets(Buffer.alloc(size, 1))))
  const nearly = 2 * length - encoded(length).length
  // The lengths of what is around it may be shorter by then
  return encoded(nearly + length - encoded(nearly).length)
}

t.test('attributes with CRLs among them, which are long, are those of the signer too', async (t) => {
  const naming = ({ certificate }: typeof house) => namingAttribute('sha256', certificate.raw)
  for (const length of [65_536, 65_537, 65_538, 65_539, 70_000, 200_000, 1_000_000]) {
    const signed = longAttributes(length, ...basicAttributes(), naming(house))
    t.equal(signed.length, length)
    await checkSigned(t, signed, {}, `${length} bytes`)
    await checkSigned(t, longAttributes(length, ...basicAttributes()), {}, `${length} bytes, of nobody`)
    const unnamed = longAttributes(length, ...basicAttributes('sha512'), naming(house))
    await checkSigned(t, unnamed, { hash_algorithm: undefined }, `${length} bytes, hash not named`, 'sha512')
    const refuse = async (code: string, message: RegExp, ...attributes: asn1js.Sequence[]) =>
      checkRefusal(t, await ask(longAttributes(length, ...attributes)), { statusCode: 400, code, message })
    await refuse(
      'SIGNER_MISMATCH',
      /names a certificate that is not that of the signer/,
      ...basicAttributes(),
      naming(contracts),
    )
    await refuse('INVALID_REQUEST', /message-digest of 64 bytes/, ...basicAttributes('sha512'), naming(house))
    const twice = [naming(house), naming(contracts)]
    await refuse(
      'INVALID_REQUEST',
      /attributes whose certificate cannot be told: an attribute/,
      ...basicAttributes(),
      ...twice,
    )
    if (length > 65_536) {
      checkRefusal(t, await ask(signed, { signing_token: tokenFor('strict') }), {
        ...{ statusCode: 400, code: 'NOT_ALLOWED_FOR_SIGNER', message: /in at most 65536 bytes/ },
      })
    }
  }
})

t.test('long attributes that may name a certificate behind what is read of them are refused', async (t) => {
  const long = (length: number) => attribute('1.2.840.113583.1.1.8', octets(Buffer.alloc(length, 1)))
  const inOrder = (...attributes: asn1js.Sequence[]) =>
    toDer(new asn1js.Set({ value: [...basicAttributes(), ...attributes] }))
  const naming = namingAttribute('sha256', contracts.certificate.raw)
  /** One that ends at an octet of its message. */
  const endingAt = (end: number) => long(end - (inOrder(long(65_000)).length - 65_000))
  const before = await signaturesMade()
  for (const attributes of [
    [long(100_000), naming],
    [long(40_000), long(100_000), naming],
    [long(1_000_000), long(500_000), naming],
    // The part that is read ends within the attribute that names, or before it
    ...[65_490, 65_535, 65_536, 65_537, 65_538].map((end) => [endingAt(end), naming]),
  ]) {
    checkRefusal(t, await ask(inOrder(...attributes)), {
      ...{ statusCode: 400, code: 'INVALID_REQUEST' },
      message:
        'data_to_be_signed: are signed attributes whose certificate cannot be told: they are long, and not in the order of ' +
        'DER (X.690 11.6)',
    })
  }
  t.equal(await signaturesMade(), before)
  await checkSigned(t, inOrder(long(60_000), long(70_000), long(80_000)), {}, 'several long ones in order')
  await checkSigned(t, inOrder(naming, long(100_000)).fill(0x30, 0, 1), {}, 'a sequence is opaque')
})

t.test('anything else is opaque, and signed unless the signer is for signed attributes alone', async (t) => {
  const strict = { signing_token: tokenFor('strict') }
  const whole =
    /^data_to_be_signed: must be signed attributes, the DER SET OF Attribute with content-type id-data/
  for (const [what, data] of [
    ['a certificate to be issued', certificateToSign],
    ['text', Buffer.from('1st sentence')],
    ['the certificate itself', house.certificate.raw],
    ['attributes without content-type', encodeAttributes(...basicAttributes().slice(1))],
    ['attributes without message-digest', encodeAttributes(...basicAttributes().slice(0, 1))],
    ['attributes of a timestamp', encodeAttributes(...basicAttributes('sha256', OID.timestampInfo))],
    [
      'more than signed attributes can be',
      Buffer.concat([attributesNaming(house.certificate.raw), randomBytes(65_536)]),
    ],
  ] as const) {
    await checkSigned(t, data, {}, what)
    checkRefusal(t, await ask(data, strict), {
      statusCode: 400,
      code: 'NOT_ALLOWED_FOR_SIGNER',
      message: whole,
    })
  }
  checkRefusal(t, await ask(randomBytes(600_000), strict), {
    ...{ statusCode: 400, code: 'NOT_ALLOWED_FOR_SIGNER', message: whole },
  })
})

t.test('the message-digest in attributes has to be one of the hash algorithm of the signature', async (t) => {
  for (const fields of [{}, { signing_token: tokenFor('strict') }]) {
    for (const [messageHash, hash, length] of [
      ['sha512', 'sha256', 64],
      ['sha256', 'sha384', 32],
      ['sha1', undefined, 20],
    ] as const) {
      const data = attributesNaming(house.certificate.raw, 'sha256', messageHash)
      const { name, digestLength } = findHashAlgorithm(hash ?? 'sha256') as HashAlgorithm
      checkRefusal(t, await ask(data, { ...fields, hash_algorithm: hash }), {
        ...{ statusCode: 400, code: 'INVALID_REQUEST' },
        message: `data_to_be_signed: has a message-digest of ${length} bytes, but hash_algorithm ${name} has ${digestLength}`,
      })
    }
  }
})

t.test('attributes that protect other algorithms than those of the signature are refused', async (t) => {
  const [sha256, sha512, rsa] = [
    '2.16.840.1.101.3.4.2.1',
    '2.16.840.1.101.3.4.2.3',
    '1.2.840.113549.1.1.1',
  ] as const
  const named = namingAttribute('sha256', house.certificate.raw)
  const protecting = (...protections: asn1js.Sequence[]) =>
    encodeAttributes(...basicAttributes(), named, ...protections)
  for (const signature of [rsa, '1.2.840.113549.1.1.11']) {
    await checkSigned(t, protecting(protectionAttribute(sha256, signature)), {}, signature)
  }
  for (const protections of [
    [protectionAttribute(sha512, rsa)],
    [protectionAttribute(sha256, '1.2.840.113549.1.1.13')],
    [protectionAttribute(sha256, '1.2.840.113549.1.1.10')],
    [protectionAttribute(sha256, rsa), protectionAttribute(sha512, rsa)],
    [attribute('1.2.840.113549.1.9.52', sequence())],
  ]) {
    for (const fields of [{}, { signing_token: tokenFor('strict') }]) {
      checkRefusal(t, await ask(protecting(...protections), fields), {
        ...{ statusCode: 400, code: 'INVALID_REQUEST' },
        message:
          'data_to_be_signed: has a CMSAlgorithmProtection of other algorithms than hash_algorithm sha256 and ' +
          'rsassa-pkcs1-v1_5, with which the signer signs',
      })
    }
  }
})

t.test('attributes may protect the salt of RSASSA-PSS that the signer makes, and no other', async (t) => {
  const [id, sha256, sha512] = [ID_RSASSA_PSS, '2.16.840.1.101.3.4.2.1', '2.16.840.1.101.3.4.2.3']
  const named = namingAttribute('sha256', house.certificate.raw)
  const pss = (hash: 'sha256' | 'sha512', saltLength: number) =>
    encodePssParameters({ hash: findHashAlgorithm(hash) as HashAlgorithm, saltLength })
  const answerTo = async (...protection: Parameters<typeof protectionAttribute>) => {
    const data = encodeAttributes(...basicAttributes(), named, protectionAttribute(...protection))
    const { statusCode, json } = await ask(data, { signing_token: tokenFor('pss') })
    return statusCode === 200 ? 'signed' : json().code
  }
  t.equal(await answerTo(sha256, id, pss('sha256', 32)), 'signed')
  t.equal(await answerTo(sha256, id, pss('sha256', 222)), 'INVALID_REQUEST')
  t.equal(await answerTo(sha256, id, pss('sha512', 32)), 'INVALID_REQUEST')
  t.equal(await answerTo(sha512, id, pss('sha512', 64)), 'INVALID_REQUEST')
  t.equal(await answerTo(sha256, id), 'INVALID_REQUEST')
  t.equal(await answerTo(sha256, '1.2.840.113549.1.1.1'), 'INVALID_REQUEST')
})

t.test('a signing-time at which the certificate of the signer is not valid is refused', async (t) => {
  const before = await signaturesMade()
  const named = namingAttribute('sha256', house.certificate.raw)
  const { validFrom, validTo } = house.certificate
  const signedAt = (date: Date) => encodeAttributes(...basicAttributes(), timeAttribute(date), named)
  const [begin, end] = [validFrom, validTo].map((time) => Date.parse(time)) as [number, number]
  for (const time of [begin, Date.now(), end]) {
    await checkSigned(t, signedAt(new Date(time)), { signature_type: 'cms' }, `${time}`)
  }
  t.equal(await signaturesMade(), before + 3)
  for (const time of [begin - 1_000, end + 1_000]) {
    const date = new Date(time)
    checkRefusal(t, await ask(signedAt(date), { signature_type: 'cms' }), {
      ...{ statusCode: 400, code: 'INVALID_REQUEST' },
      message:
        `data_to_be_signed: has the signing-time ${date.toISOString()}, at which the certificate of the signer is not valid; ` +
        'check the clock of the one who made it',
    })
  }
  t.equal(await signaturesMade(), before + 3)
})

t.test('the message-digest in attributes tells the hash algorithm where none is named', async (t) => {
  for (const hash of ['sha256', 'sha384', 'sha512']) {
    const data = encodeAttributes(...basicAttributes(hash))
    await checkSigned(t, data, { hash_algorithm: undefined }, hash, hash)
  }
})

t.test('a signer that is for signed attributes alone signs them', async (t) => {
  const strict = { signing_token: tokenFor('strict') }
  await checkSigned(t, attributesNaming(house.certificate.raw), strict, 'cades')
  const unnamed = encodeAttributes(...basicAttributes())
  await checkSigned(t, unnamed, { ...strict, signature_type: 'cms' }, 'cms names no certificate')
  checkRefusal(t, await ask(unnamed, strict), {
    ...{ statusCode: 400, code: 'NOT_ALLOWED_FOR_SIGNER', message: /must have signing-certificate-v2/ },
  })
  checkRefusal(t, await ask(attributesNaming(contracts.certificate.raw), strict), {
    ...{ statusCode: 400, code: 'SIGNER_MISMATCH', message: /^data_to_be_signed: / },
  })
  const container = { action: 'sign_pkcs7', encoded_contents: certificateToSign.toString('base64') }
  t.equal((await service.sign({ ...container, ...strict })).statusCode, 200, 'containers have their own')
})

t.test('with RAW_SIGNING=signed-attributes PDFs of either type are signed, and nothing else', async (t) => {
  const service = await startReadyService(t, { ...folder.environment, RAW_SIGNING: 'signed-attributes' })
  for (const [type, hash] of [
    ['cades', 'sha512'],
    ['cms', 'sha384'],
  ] as const) {
    const { pdf } = await signPdf({
      ...{ pdf: await samplePdf(), url: `${service.url}/sign`, container: 'raw', type, hash },
    })
    const [signature] = readPdfSignatures(pdf)
    const { valid, message } = await verifyCms({
      ...{ cms: signature?.cms ?? Buffer.alloc(0), content: signature?.signedBytes ?? Buffer.alloc(0) },
      ...{ trustAnchors: folder.root.certificateFile, cades: type === 'cades' },
    })
    t.ok(valid, message)
  }
  checkRefusal(t, await ask(certificateToSign, {}, service), {
    ...{ statusCode: 400, code: 'NOT_ALLOWED_FOR_SIGNER', message: /^data_to_be_signed: / },
  })
})
