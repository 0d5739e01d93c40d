import { spawnSync } from 'node:child_process'
import { createHash, createPrivateKey, sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import t, { type Test } from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../src/asn1/tag.ts'
import { ID_SIGNING_CERTIFICATE_V2 } from '../../src/cms/object-identifiers.ts'
import { KnownChains } from '../../src/timestamp/authority-chains.ts'
import { TimestampError } from '../../src/timestamp/timestamp-error.ts'
import { createNonce, encodeTimestampRequest } from '../../src/timestamp/timestamp-request.ts'
import {
  readTimestampResponse,
  type VerificationContext,
  verifyResponse,
} from '../../src/timestamp/verify-response.ts'
import { readCertificateFields } from '../../src/x509/certificate-fields.ts'
import { EXTENSION } from '../../src/x509/extensions.ts'
import {
  type Issued,
  issue,
  openssl,
  RSA_2048,
  withEmptyTime,
  withUnknownKey,
} from '../support/certificates.ts'
import {
  attribute,
  CERTIFICATE,
  COMMON_NAME,
  elementsOf,
  nameOf,
  ORGANIZATION,
  POINT_AT_INFINITY,
  reissue,
  timeOf,
} from '../support/resigned.ts'
import {
  createIssuers,
  createResponder,
  FOR_TIMESTAMPS,
  type Forgery,
  forge,
  grant,
  OTHER_POLICY,
  POLICY,
  tstInfoOf,
  verifies,
} from '../support/timestamp-authority.ts'

const directory = t.testdir()
const { root, issuing } = createIssuers(directory)
const subject = '/O=Test/CN=Timestamp authority'
const signer = issue(directory, { subject, issuer: issuing, extensions: FOR_TIMESTAMPS })
const rsa = issue(directory, { subject, issuer: issuing, extensions: FOR_TIMESTAMPS, key: RSA_2048 })
const rsaIssuer = issue(directory, { subject: '/CN=RSA CA', ca: true, issuer: root, key: RSA_2048 })
const data = Buffer.from('the value of a signature')
const respond = createResponder(directory, { signer, chain: [issuing] })
const DAY_MS = 86_400_000

const expected = expect()
const answer = await respond(encodeTimestampRequest(expected.asked))
const tstInfo = tstInfoOf(directory, answer)

function expect(hash = 'sha256', policy?: string): VerificationContext {
  const hashAlgorithm = findHashAlgorithm(hash) as HashAlgorithm
  return {
    asked: {
      hashAlgorithm,
      digest: createHash(hashAlgorithm.nodeName).update(data).digest(),
      nonce: createNonce(),
      ...(policy === undefined ? {} : { policy }),
    },
    trustAnchors: [root.certificate],
    clockToleranceMs: 300_000,
    known: new KnownChains(),
  }
}

function refuses(t: Test, answer: Buffer, pattern: string | RegExp, outcome: string, expectation = expected) {
  try {
    verifyResponse(answer, expectation)
    t.fail(`accepted; expected: ${pattern}`)
  } catch (error) {
    t.ok(error instanceof TimestampError)
    t.match(error, { message: pattern, outcome })
  }
}

/** Signed by `openssl cms` with the chain that verifies, but for what is changed. */
const forged = (changes: Partial<Forgery>) =>
  forge(directory, { tstInfo, signers: [signer], chain: [issuing], ...changes })

const authority = (extensions: readonly string[], changes = {}) =>
  issue(directory, { subject, issuer: issuing, extensions, ...changes })

t.test('a token is handed out as it came, and OpenSSL verifies it', async (t) => {
  const { token } = verifyResponse(answer, expected)
  t.ok(answer.includes(token))
  t.ok(verifies(directory, token, data, root))
  t.notOk(verifies(directory, token, Buffer.from('other data'), root), 'which it does not for anything')
})

t.test('what is appended to an answer is left out', async (t) => {
  const file = join(t.testdir(), 'appended')
  const appended = Buffer.concat([answer, Buffer.from('\r\n')])
  writeFileSync(file, appended)
  t.equal(spawnSync('openssl', ['ts', '-reply', '-in', file, '-text']).status, 0)
  t.same(verifyResponse(appended, expected).token, verifyResponse(answer, expected).token)
})

t.test('authorities of every kind', async (t) => {
  for (const [name, used, settings] of [
    ['RSA', rsa, {}],
    ['RSA with SHA-512', rsa, { signer_digest: 'sha512' }],
    ['SHA-384', authority(FOR_TIMESTAMPS), { signer_digest: 'sha384' }],
    ['a signing-certificate of version 1', signer, { ess_cert_id_alg: 'sha1' }],
    ['a signing-certificate with SHA-512', signer, { ess_cert_id_alg: 'sha512' }],
    ['a signing-certificate that names the chain', signer, { ess_cert_id_chain: 'yes' }],
    ['no name', signer, { tsa_name: 'no' }],
    ['fractions of a second', signer, { clock_precision_digits: '3' }],
  ] as const) {
    for (const hash of ['sha256', 'sha512']) {
      const expected = expect(hash)
      const respond = createResponder(directory, { signer: used, chain: [issuing], settings })
      const { token } = verifyResponse(await respond(encodeTimestampRequest(expected.asked)), expected)
      t.ok(verifies(directory, token, data, root), `${name}, ${hash}`)
    }
  }
})

t.test('a signing-certificate that names an issuer from outside the path', async (t) => {
  const stranger = issue(directory, { subject: '/CN=stranger', ca: true })
  for (const ess_cert_id_alg of ['sha1', 'sha256']) {
    const settings = { ess_cert_id_chain: 'yes', ess_cert_id_alg }
    const expected = expect()
    const query = encodeTimestampRequest(expected.asked)
    const answer = (chain: readonly Issued[]) =>
      createResponder(directory, { signer, chain, settings })(query)
    const whole = verifyResponse(await answer([issuing, root]), expected)
    t.ok(verifies(directory, whole.token, data, root), ess_cert_id_alg)
    const wrong = await answer([issuing, stranger])
    const tolerant = { ...expected, trustAnchors: [], known: new KnownChains() }
    const { token } = verifyResponse(wrong, tolerant)
    t.notOk(verifies(directory, token, data, root), 'nobody knows without anchors, and OpenSSL refuses it')
    const problem = 'names an issuer that is not in the path of its certificate'
    refuses(t, wrong, `cannot be trusted: its signed signing-certificate ${problem}`, 'untrusted', expected)
  }
})

t.test(
  'a signing-certificate that names an attribute certificate, which OpenSSL does not know',
  async (t) => {
    // Nobody reads what is in it
    const [one, other] = [issue(directory, { subject: '/CN=a' }), issue(directory, { subject: '/CN=b' })]
    const retag = ({ certificate: { raw } }: Issued, tag = 2) =>
      Buffer.concat([Buffer.of(contextTag(tag)), raw.subarray(1)])
    const sent = await createResponder(directory, { signer, chain: [issuing, one, one, other] })(
      encodeTimestampRequest(expected.asked),
    )
    for (const [what, tag, named] of [
      ['as authorities do', 2, retag(one)],
      ['by itself', 2, one.certificate.raw],
      ['of version 1', 1, retag(one, 1)],
    ] as const) {
      const naming = nameBeside(sent, named)
      const answer = replace(
        replace(naming, one.certificate.raw, retag(one, tag)),
        other.certificate.raw,
        retag(other),
      )
      const { token } = verifyResponse(answer, { ...expected, known: new KnownChains() })
      t.ok(token.includes(retag(one, tag)), `it is kept, named ${what}`)
      t.notOk(token.includes(retag(other)), 'one that nobody has signed is not')
      t.equal(
        token.indexOf(retag(one, tag)),
        token.lastIndexOf(retag(one, tag)),
        'once, however often it was sent',
      )
      const contentInfo = DerReader.enterOnly(token, TAG.sequence)
      contentInfo.objectIdentifier()
      const version = contentInfo.enter(contextTag(0)).enter(TAG.sequence).integer()
      t.same([...version], [tag === 2 ? 4 : 3], 'RFC 5652 5.1')
    }
    const absent = replace(nameBeside(sent, retag(other)), one.certificate.raw, retag(one))
    refuses(t, absent, 'names an issuer that is not in the path of its certificate', 'untrusted')
  },
)

/** Has the authority name something beside its certificate (ESSCertIDv2), and sign anew. */
function nameBeside(answer: Buffer, named: Buffer): Buffer {
  const schema = asn1js.fromBER(readTimestampResponse(answer)).result
  const content = new pkijs.ContentInfo({ schema })
  const signedData = new pkijs.SignedData({ schema: content.content })
  const [signerInfo] = signedData.signerInfos as [pkijs.SignerInfo]
  const { attributes } = signerInfo.signedAttrs as pkijs.SignedAndUnsignedAttributes
  const attribute = attributes.find(({ type }) => type === ID_SIGNING_CERTIFICATE_V2) as pkijs.Attribute
  const [{ valueBlock: certificates }] = attribute.values[0].valueBlock.value
  const certHash = new asn1js.OctetString({ valueHex: createHash('sha256').update(named).digest() })
  certificates.value.push(new asn1js.Sequence({ value: [certHash] }))
  const signed = Buffer.from(signerInfo.signedAttrs?.toSchema().toBER() as ArrayBuffer)
  signed[0] = TAG.set
  signerInfo.signature = new asn1js.OctetString({
    valueHex: sign('sha256', signed, createPrivateKey(readFileSync(signer.keyFile))),
  })
  content.content = signedData.toSchema(true)
  return grant(Buffer.from(content.toSchema().toBER()))
}

/** Puts other octets, as many, wherever some occur. */
function replace(bytes: Buffer, those: Buffer, others: Buffer): Buffer {
  const changed = Buffer.from(bytes)
  for (let at = bytes.indexOf(those); at >= 0; at = bytes.indexOf(those, at + 1)) {
    others.copy(changed, at)
  }
  return changed
}

t.test('a signing-certificate that names an issuer that was renewed with its key since', async (t) => {
  const before = { notAfter: new Date(Date.now() + DAY_MS) }
  const again = ({ keyFile }: Issued, subject: string, issuer?: Issued) =>
    issue(directory, { ...{ subject, ca: true, keyFile }, ...(issuer && { issuer }) })
  const formerRoot = issue(directory, { subject: '/CN=Renewed root', ca: true, ...before })
  const former = issue(directory, { subject: '/CN=Renewed CA', ca: true, issuer: formerRoot, ...before })
  const unit = issue(directory, { subject, issuer: former, extensions: FOR_TIMESTAMPS })
  const newRoot = again(formerRoot, '/CN=Renewed root')
  const renewed = again(former, '/CN=Renewed CA', newRoot)
  for (const [what, chain, anchors] of [
    ['root', [former, formerRoot], [formerRoot, newRoot]],
    ['root, first', [former, formerRoot], [newRoot, formerRoot]],
    ['both', [former], [renewed, formerRoot, newRoot]],
  ] as const) {
    const trustAnchors = anchors.map(({ certificate }) => certificate)
    const expected = { ...expect(), trustAnchors }
    const settings = { ess_cert_id_chain: 'yes' }
    const respond = createResponder(directory, { signer: unit, chain, settings })
    const { token } = verifyResponse(await respond(encodeTimestampRequest(expected.asked)), expected)
    t.ok(verifies(directory, token, data, formerRoot), what)
  }
})

t.test('an issuer in the CA file that validators refuse, beside the one that was sent', async (t) => {
  const { keyFile } = issuing
  const weak = issue(directory, {
    subject: '/O=Test/CN=Timestamp CA',
    ca: true,
    issuer: root,
    keyFile,
    hash: 'sha1',
  })
  const trustAnchors = [weak.certificate, root.certificate]
  const { path, token } = verifyResponse(answer, { ...expected, trustAnchors, known: new KnownChains() })
  t.same(
    path.map(({ raw }) => raw),
    [signer, issuing, root].map(({ certificate }) => certificate.raw),
  )
  t.ok(verifies(directory, token, data, root))
})

t.test('RSASSA-PSS, which `openssl ts` does not know, but `openssl cms`', async (t) => {
  const args = ['-cades', '-keyopt', 'rsa_padding_mode:pss', '-keyopt', 'rsa_pss_saltlen:32']
  // The name in it is the same
  const { token } = verifyResponse(forged({ signers: [rsa], args }), expected)
  const file = join(t.testdir(), 'token')
  writeFileSync(file, token)
  const verify = ['-verify', '-inform', 'DER', '-in', file, '-CAfile', root.certificateFile]
  openssl('cms', ...verify, '-purpose', 'any', '-out', `${file}.content`)
  t.same(readFileSync(`${file}.content`), tstInfo)
})

t.test(
  'issuers that the authority does not send are added, so that OpenSSL needs the root alone',
  async (t) => {
    const both = {
      ...expected,
      trustAnchors: [issuing.certificate, root.certificate],
      known: new KnownChains(),
    }
    const alone = await createResponder(directory, { signer, chain: [] })(
      encodeTimestampRequest(expected.asked),
    )
    t.notOk(verifies(directory, readTimestampResponse(alone), data, root))
    for (let times = 0; times < 2; times++) {
      const { token } = verifyResponse(alone, both)
      t.ok(verifies(directory, token, data, root))
      t.equal(occurrences(token, issuing.certificate.raw), 1)
      t.equal(occurrences(token, root.certificate.raw), 0)
    }
    const { token } = verifyResponse(answer, both)
    t.same(token, readTimestampResponse(answer), 'what has them stays as it came')
  },
)

function occurrences(bytes: Buffer, part: Buffer): number {
  return bytes.toString('latin1').split(part.toString('latin1')).length - 1
}

t.test('a token in BER is handed out as DER', async (t) => {
  const answer = forged({ args: ['-cades', '-stream'] })
  const { token } = verifyResponse(answer, expected)
  t.notOk(answer.includes(token))
  t.ok(verifies(directory, token, data, root))
  const file = join(t.testdir(), 'token')
  writeFileSync(file, token)
  t.notMatch(openssl('asn1parse', '-inform', 'DER', '-in', file), 'l=inf')
})

t.test('what is not signed and not looked at is left out, so that OpenSSL can read the rest', async (t) => {
  const [status, contentInfo] = elementsOf(answer) as [Buffer, Buffer]
  const [type, content] = elementsOf(contentInfo) as [Buffer, Buffer]
  const fields = elementsOf(new DerReader(content).enter(contextTag(0)).element(TAG.sequence))
  const place = fields.findIndex(([tag]) => tag === contextTag(0))
  const certificates = new DerReader(fields[place] as Buffer).content(contextTag(0))
  const nothing = encode(TAG.null)
  const others = [1, 2, 3].map((number) => encode(contextTag(number), nothing))
  const answerWith = (version: number, ...changed: Buffer[]) => {
    const whole = [encode(TAG.integer, Buffer.of(version)), ...fields.slice(1, place), ...changed]
    const signedData = encode(TAG.sequence, ...whole, ...fields.slice(place + 1))
    return encode(TAG.sequence, status, encode(TAG.sequence, type, encode(contextTag(0), signedData)))
  }
  const plain = encode(contextTag(0), certificates)
  const crls = encode(contextTag(1), encode(TAG.sequence, nothing))
  const { token } = verifyResponse(answer, expected)
  for (const [what, changed] of [
    ['attribute certificates', answerWith(5, encode(contextTag(0), certificates, ...others))],
    ['crls', answerWith(3, plain, crls)],
    ['both', answerWith(5, encode(contextTag(0), ...others, certificates), crls)],
  ] as const) {
    t.same(verifyResponse(changed, expected).token, token, what)
  }
  t.same(answerWith(3, plain), answer)
  t.ok(verifies(directory, token, data, root))
})

t.test(
  'unsigned attributes are left out, which can be such that OpenSSL does not read the rest',
  async (t) => {
    const came = verifyResponse(answer, expected).token
    const tokenWith = (attribute: string) =>
      withFields(came, (fields) => {
        const signerInfo = new DerReader(fields.at(-1) as Buffer).enter(TAG.set).element(TAG.sequence)
        const unsigned = encode(contextTag(1), Buffer.from(attribute, 'hex'))
        const changed = encode(TAG.set, encode(TAG.sequence, ...elementsOf(signerInfo), unsigned))
        return [...fields.slice(0, -1), changed]
      })
    for (const [what, attribute, isRead] of [
      ['one of its kind', '300906032a030431020500', true],
      ['a type that is no identifier', '300a0604802a030431020500', false],
      ['a truth value of no octets', '300906032a030431020100', false],
      ['an integer of no octets', '300906032a030431020200', false],
      ['a null that is none', '300a06032a03043103050100', false],
      ['an end without a beginning', '300906032a030431020000', false],
      ['a sequence that has no elements of its own', '300906032a030431021000', false],
    ] as const) {
      const token = tokenWith(attribute)
      t.equal(verifies(directory, token, data, root), isRead, what)
      t.same(verifyResponse(grant(token), expected).token, came, what)
    }
  },
)

/** Returns a token with other fields in its SignedData. */
function withFields(token: Buffer, change: (fields: readonly Buffer[]) => readonly Buffer[]): Buffer {
  const [type, content] = elementsOf(token) as [Buffer, Buffer]
  const fields = elementsOf(new DerReader(content).enter(contextTag(0)).element(TAG.sequence))
  return encode(TAG.sequence, type, encode(contextTag(0), encode(TAG.sequence, ...change(fields))))
}

t.test('digest algorithms of nobody are left out, of which OpenSSL has to know all', async (t) => {
  const came = verifyResponse(answer, expected).token
  const unknown = encode(TAG.sequence, Buffer.from('06032a0304', 'hex'))
  const token = withFields(came, ([version, own, ...others]) => {
    const all = encode(TAG.set, unknown, new DerReader(own as Buffer).content(TAG.set))
    return [version as Buffer, all, ...others]
  })
  t.notOk(verifies(directory, token, data, root))
  t.same(verifyResponse(grant(token), expected).token, came)
})

/** Returns the token of the answer with more certificates, which are not signed. */
function tokenWith(...certificates: readonly Issued[]): Buffer {
  return withCertificates((own) => [own, ...certificates.map(rawOf)])
}

/** @param change returns certificates, given those of the token one after another */
function withCertificates(change: (own: Buffer) => readonly Buffer[]): Buffer {
  return withFields(verifyResponse(answer, expected).token, (fields) =>
    fields.map((field) =>
      field[0] === contextTag(0)
        ? encode(contextTag(0), ...change(new DerReader(field).content(contextTag(0))))
        : field,
    ),
  )
}

function rawOf({ certificate }: Issued): Buffer {
  return certificate.raw
}

t.test('certificates that are not above that of the authority are left out', async (t) => {
  const came = verifyResponse(answer, expected).token
  const { issuer, serialNumber } = readCertificateFields(signer.certificate)
  const stranger = issue(directory, { subject: '/CN=Stranger', ca: true })
  const twin = reissue(stranger, stranger, {
    [CERTIFICATE.issuer]: issuer,
    [CERTIFICATE.serialNumber]: encode(TAG.integer, serialNumber),
  })
  const key = { keyFile: issuing.keyFile, ca: true, subject: '/O=Test/CN=Timestamp CA' }
  const long = issue(directory, { ...key, extension: `nsComment = ${'a'.repeat(4_000)}` })
  const spoilt = issue(directory, { ...key, extension: 'subjectAltName = DER:0500' })
  const odd = issue(directory, { ...key, extension: 'certificatePolicies = DER:0500' })
  const old = reissue(issue(directory, key), stranger, { [CERTIFICATE.version]: Buffer.alloc(0) })
  for (const [what, ...certificates] of [
    ['a stranger', stranger],
    ['one with the issuer and serial number of the authority', twin],
    ['one of the issuer that is too long', long],
    ['one of the issuer that is of version 1, with extensions', old],
    ['one of the issuer with a malformed extension', spoilt],
    ['one of the issuer with one that only some read', odd],
    ['all of them', stranger, twin, long, old, spoilt],
  ] as [string, ...Issued[]][]) {
    t.same(verifyResponse(grant(tokenWith(...certificates)), expected).token, came, what)
  }
})

t.test('the cross-certificate of a root is kept, for those who trust another one', async (t) => {
  const other = issue(directory, { subject: '/CN=Other root', ca: true })
  const cross = issue(directory, {
    ...{ subject: '/O=Test/CN=Timestamp root', ca: true },
    ...{ issuer: other, keyFile: root.keyFile },
  })
  t.notOk(verifies(directory, verifyResponse(answer, expected).token, data, other))
  const sent = tokenWith(cross)
  t.ok(verifies(directory, sent, data, other))
  const { token } = verifyResponse(grant(sent), expected)
  t.ok(verifies(directory, token, data, other))
  t.ok(verifies(directory, token, data, root))
})

t.test(
  'a certificate that a stranger made with the name and the key of an issuer comes behind it',
  async (t) => {
    const stranger = issue(directory, { subject: '/CN=Stranger', ca: true })
    const made = issue(directory, {
      ...{ subject: '/O=Test/CN=Timestamp CA', ca: true, notAfter: new Date('2050-01-01') },
      ...{ issuer: stranger, keyFile: issuing.keyFile },
    })
    const sent = withCertificates((own) => [rawOf(made), own])
    t.notOk(verifies(directory, sent, data, root))
    t.ok(verifies(directory, verifyResponse(grant(sent), expected).token, data, root))
  },
)

t.test('the name of the signer is that of its certificate, octet by octet', async (t) => {
  const came = verifyResponse(answer, expected).token
  const { issuer, serialNumber } = readCertificateFields(signer.certificate)
  const name = encode(TAG.sequence, ...elementsOf(issuer).map(rewritten))
  const changed = withFields(came, (fields) => {
    const [version, , ...others] = elementsOf(new DerReader(fields.at(-1) as Buffer).enter(TAG.set).element())
    const sid = encode(TAG.sequence, name, encode(TAG.integer, serialNumber))
    return [...fields.slice(0, -1), encode(TAG.set, encode(TAG.sequence, version as Buffer, sid, ...others))]
  })
  t.notOk(verifies(directory, changed, data, root))
  t.same(verifyResponse(grant(changed), expected).token, came)
})

/** Returns a RelativeDistinguishedName with a soft hyphen in its value, which does not count (RFC 4518 2.2). */
function rewritten(name: Buffer): Buffer {
  const [type, value] = elementsOf(new DerReader(name).enter(TAG.set).element()) as [Buffer, Buffer]
  const letters = Buffer.concat([new DerReader(value).content(TAG.utf8String), Buffer.from('\u00AD')])
  return encode(TAG.set, encode(TAG.sequence, type, encode(TAG.utf8String, letters)))
}

t.test('the versions are those of the content, which nobody has signed', async (t) => {
  const came = verifyResponse(answer, expected).token
  const one = encode(TAG.integer, Buffer.of(1))
  const three = encode(TAG.integer, Buffer.of(3))
  const ofSignedData = withFields(came, ([, ...fields]) => [one, ...fields])
  const ofSignerInfo = withFields(came, (fields) => {
    const [, ...others] = elementsOf(new DerReader(fields.at(-1) as Buffer).enter(TAG.set).element())
    return [...fields.slice(0, -1), encode(TAG.set, encode(TAG.sequence, three, ...others))]
  })
  for (const changed of [ofSignedData, ofSignerInfo]) {
    t.notSame(changed, came)
    t.same(verifyResponse(grant(changed), expected).token, came)
  }
})

t.test('signed attributes that OpenSSL takes, and others do not', async (t) => {
  const key = createPrivateKey(readFileSync(signer.keyFile))
  const tokenOf = (change: (attributes: Buffer[]) => Buffer[]) =>
    withFields(verifyResponse(answer, expected).token, (fields) => {
      const signerInfo = elementsOf(new DerReader(fields.at(-1) as Buffer).enter(TAG.set).element())
      const place = signerInfo.findIndex(([tag]) => tag === contextTag(0))
      const signed = new DerReader(signerInfo[place] as Buffer).enter(contextTag(0)).elements()
      const content = Buffer.concat(change(signed))
      const signature = sign('sha256', encode(TAG.set, content), key)
      const changed = signerInfo.with(place, encode(contextTag(0), content))
      const all = encode(TAG.sequence, ...changed.with(-1, encode(TAG.octetString, signature)))
      return [...fields.slice(0, -1), encode(TAG.set, all)]
    })
  t.ok(verifyResponse(grant(tokenOf((attributes) => attributes)), expected))
  const reversed = tokenOf((attributes) => attributes.toReversed())
  t.ok(verifies(directory, reversed, data, root))
  refuses(t, grant(reversed), /not all verifiers take: they are not in the order of DER/, 'untrusted')
  for (const [what, value] of [
    ['values in another order', '020109020101'],
    ['a padded integer', '02020001'],
    ['a time with zeros behind its fraction', '181332303236303130313030303030302e3530305a'],
    ['a boolean of another octet', '3003010101'],
    ['an inner set in another order', '3106040161020109'],
  ] as const) {
    const values = encode(TAG.set, Buffer.from(value, 'hex'))
    const odd = encode(TAG.sequence, Buffer.from('06032a0304', 'hex'), values)
    const token = tokenOf((attributes) => [...attributes, odd].toSorted(Buffer.compare))
    t.comment(what)
    refuses(t, grant(token), /not all verifiers take: /, 'untrusted')
  }
  const countersignature = Buffer.from('301106092a864886f70d01090631040c026161', 'hex')
  const countersigned = tokenOf((attributes) => [...attributes, countersignature].toSorted(Buffer.compare))
  refuses(t, grant(countersigned), /not all verifiers take: a countersignature is among them/, 'untrusted')
})

t.test('a timestamp of something else', async (t) => {
  const { asked } = expected
  const changed = (changes: Partial<typeof asked>, more = {}) => ({
    ...{ ...expected, ...more },
    asked: { ...asked, ...changes },
  })
  const other = 'timestamped another digest than the one it was sent'
  refuses(t, answer, other, 'mismatch', changed({ digest: Buffer.alloc(32) }))
  const sha384 = findHashAlgorithm('sha384') as HashAlgorithm
  refuses(t, answer, other, 'mismatch', changed({ hashAlgorithm: sha384 }))
  refuses(t, answer, /^did not send the nonce/, 'mismatch', changed({ nonce: createNonce() }))
  refuses(
    t,
    answer,
    /^timestamped under the policy 1\.3\.6\.1\.4\.1\.99999\.1, not/,
    'mismatch',
    changed({ policy: OTHER_POLICY }),
  )
  t.ok(verifyResponse(answer, changed({ policy: POLICY })))
})

t.test('a policy that is a UUID', async (t) => {
  const policy = '2.25.329800735698586629295641978511506172918'
  const expected = expect('sha256', policy)
  const respond = createResponder(directory, {
    signer,
    chain: [issuing],
    settings: { other_policies: policy },
  })
  t.ok(verifyResponse(await respond(encodeTimestampRequest(expected.asked)), expected))
})

t.test('a policy that was asked for', async (t) => {
  const expected = expect('sha256', OTHER_POLICY)
  t.ok(verifyResponse(await respond(encodeTimestampRequest(expected.asked)), expected))
})

t.test('identifiers without end are refused', async (t) => {
  const endless = encode(TAG.objectIdentifier, Buffer.alloc(5_000, 1))
  const answer = forged({ tstInfo: encode(TAG.sequence, ...elementsOf(tstInfo).with(1, endless)) })
  refuses(t, answer, 'answered with something other than a timestamp', 'malformed')
})

t.test('another time than that of this clock', async (t) => {
  t.ok(verifyResponse(answer, { ...expected, clockToleranceMs: 3_600_000 }))
  refuses(t, answer, /^gave a time that is -?\d+ seconds off this clock; check both clocks$/, 'mismatch', {
    ...expected,
    clockToleranceMs: -1,
  })
  const digits = /20\d{12}Z/.exec(tstInfo.toString('latin1')) as RegExpExecArray
  const changed = Buffer.from(tstInfo)
  changed.write('20200101', digits.index)
  refuses(t, forged({ tstInfo: changed }), /^gave a time that is -\d{9} seconds off/, 'mismatch')
})

t.test('a certificate that is not for timestamps', async (t) => {
  const [constraints = '', usage = ''] = FOR_TIMESTAMPS
  const key = 'extendedKeyUsage'
  for (const [lines, pattern] of [
    [[constraints, usage], /is not for timestamps alone/],
    [[constraints, usage, `${key} = timeStamping`], /is not for timestamps alone/],
    [[constraints, usage, `${key} = critical, timeStamping, codeSigning`], /is not for timestamps alone/],
    [[constraints, usage, `${key} = critical, emailProtection`], /is not for timestamps alone/],
    [
      [
        constraints,
        'keyUsage = critical, digitalSignature, keyEncipherment',
        `${key} = critical, timeStamping`,
      ],
      /is not for signatures alone, by its key usage \(digitalSignature, keyEncipherment\)/,
    ],
    [
      [constraints, 'keyUsage = critical, DER:030100', `${key} = critical, timeStamping`],
      /is not for signatures alone, by its key usage \(none\)/,
    ],
  ] as const) {
    refuses(t, forged({ signers: [authority(lines)] }), pattern, 'untrusted')
  }
  const withoutUsage = authority([constraints, `${key} = critical, timeStamping`])
  t.ok(verifyResponse(forged({ signers: [withoutUsage] }), expected), 'a key usage need not be')
})

t.test('a certificate that is not valid at the time of the timestamp', async (t) => {
  const past = { notBefore: new Date(Date.now() - 2 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) }
  const expired = authority(FOR_TIMESTAMPS, past)
  refuses(t, forged({ signers: [expired] }), /The certificate of .*authority expired at/, 'untrusted')
  const future = authority(FOR_TIMESTAMPS, { notBefore: new Date(Date.now() + DAY_MS) })
  refuses(t, forged({ signers: [future] }), /is not valid before/, 'untrusted')
})

t.test('a certificate that can be forged', async (t) => {
  const small = authority(FOR_TIMESTAMPS, { key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'] })
  refuses(t, forged({ signers: [small] }), /has a key that is not secure, RSA with 1024 bits/, 'untrusted')
  const sha1 = authority(FOR_TIMESTAMPS, { hash: 'sha1' })
  refuses(t, forged({ signers: [sha1] }), /is signed with SHA-1, which can be forged/, 'untrusted')
})

t.test('a chain that does not end in a trust anchor', async (t) => {
  const stranger = createIssuers(t.testdir())
  const trusting = (...issued: Issued[]) => ({
    ...expected,
    trustAnchors: issued.map(({ certificate }) => certificate),
    known: new KnownChains(),
  })
  refuses(t, answer, /no path to a self-signed certificate/, 'untrusted', trusting(stranger.root))
  refuses(t, forged({ chain: [] }), /no path to a self-signed certificate/, 'untrusted')
  t.ok(verifyResponse(answer, trusting(stranger.root, root)))
  t.ok(verifyResponse(forged({ chain: [] }), trusting(issuing, root)), 'with the issuer from the anchors')

  t.test('where there are no anchors the chain has to be right', async (t) => {
    t.ok(verifyResponse(answer, trusting()))
    t.ok(verifyResponse(forged({ chain: [issuing, root] }), trusting()))
    t.ok(verifyResponse(forged({ chain: [] }), trusting()))
    const twin = issue(directory, { subject: '/O=Test/CN=Timestamp CA', ca: true, issuer: root })
    refuses(
      t,
      forged({ chain: [twin] }),
      /Timestamp CA in it has not issued that of/,
      'untrusted',
      trusting(),
    )
    const past = { notBefore: new Date(Date.now() - 2 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) }
    const expired = issue(directory, { ...{ subject: '/CN=Old', ca: true, issuer: root }, ...past })
    const below = authority(FOR_TIMESTAMPS, { issuer: expired })
    const broken = forged({ signers: [below], chain: [expired] })
    refuses(t, broken, /The certificate of CN=Old expired/, 'untrusted', trusting())
    const leaf = issue(directory, {
      ...{ subject: '/CN=Leaf', issuer: root, extensions: ['subjectKeyIdentifier = hash'] },
    })
    const belowLeaf = authority(FOR_TIMESTAMPS, { issuer: leaf })
    const problem = /is not that of a certificate authority/
    refuses(t, forged({ signers: [belowLeaf], chain: [leaf] }), problem, 'untrusted', trusting())
  })

  t.test('a self-signed authority', async (t) => {
    const selfSigned = issue(directory, { subject, extensions: FOR_TIMESTAMPS, hash: 'sha1' })
    const answer = forged({ signers: [selfSigned], chain: [] })
    t.ok(verifyResponse(answer, trusting(selfSigned)))
    refuses(t, answer, /no path to a self-signed certificate/, 'untrusted')
  })
})

t.test('a signature that is none', async (t) => {
  const wrong = Buffer.from(answer)
  wrong.writeUInt8(wrong.readUInt8(wrong.length - 1) ^ 1, wrong.length - 1)
  refuses(
    t,
    wrong,
    /^cannot be trusted: its signature does not count: it is not that of the signer/,
    'untrusted',
  )
})

t.test('a certificate that the signature does not name as its own', async (t) => {
  const problem = 'its signed signing-certificate is not the certificate of the signer'
  refuses(t, forged({ args: [] }), problem, 'untrusted')
  // The last byte is of the issuer's signature, which cannot be verified where the issuer is not known
  const alone = forged({ chain: [] })
  const end = alone.indexOf(signer.certificate.raw) + signer.certificate.raw.length
  alone.writeUInt8(alone.readUInt8(end - 1) ^ 1, end - 1)
  refuses(t, alone, problem, 'untrusted', { ...expected, trustAnchors: [], known: new KnownChains() })
})

t.test('signed attributes that are wrong', async (t) => {
  const typeInAttribute = answer.lastIndexOf(Buffer.from('060b2a864886f70d0109100104', 'hex'))
  const changed = Buffer.from(answer)
  changed.writeUInt8(5, typeInAttribute + 12)
  refuses(t, changed, 'its signed content-type is not that of a timestamp', 'untrusted')
  const digest = createHash('sha256').update(tstInfo).digest()
  const other = Buffer.from(answer)
  other.fill(0, other.indexOf(digest), other.indexOf(digest) + 32)
  refuses(t, other, 'its signed message-digest is not that of the timestamp', 'untrusted')
})

t.test('a token of another kind', async (t) => {
  refuses(t, forged({ args: ['-noattr'] }), 'without the one signature that it must have', 'malformed')
  refuses(t, forged({ signers: [signer, rsa] }), 'without the one signature that it must have', 'malformed')
  refuses(t, forged({ contentType: '1.2.840.113549.1.7.1' }), 'signed something else', 'malformed')
  refuses(t, forged({ args: ['-cades', '-nocerts'] }), 'without the certificate of its signer', 'untrusted')
  refuses(t, forged({ args: ['-cades', '-nocerts'], chain: [] }), 'without the certificate', 'untrusted')
  const unnamed = forged({ args: ['-cades', '-keyid', '-nocerts'] })
  refuses(t, unnamed, 'without the certificate of its signer', 'untrusted')
  refuses(t, forged({ args: ['-cades', '-md', 'sha1'] }), 'signed with a hash algorithm that is', 'untrusted')
  const many = Array.from({ length: 11 }, (_, index) => issue(directory, { subject: `/CN=${index}` }))
  refuses(t, forged({ chain: many }), 'sent more than 10 certificates', 'malformed')
  const notSigned = Buffer.from('300f06092a864886f70d010701a0020400', 'hex')
  refuses(t, grant(notSigned), 'sent a token that is not signed', 'malformed')
  refuses(t, grant(Buffer.alloc(0)), 'granted a timestamp, but sent none', 'malformed')
})

t.test('a timestamp of another version, with more behind it, or with an extension that counts', async (t) => {
  const version = Buffer.from(tstInfo)
  version.writeUInt8(2, version.indexOf(Buffer.from('020101', 'hex')) + 2)
  refuses(t, forged({ tstInfo: version }), 'sent a timestamp of an unknown version', 'malformed')
  const longer = Buffer.concat([tstInfo, Buffer.alloc(1)])
  refuses(t, forged({ tstInfo: longer }), 'sent a timestamp of an unknown version', 'malformed')
  for (const [critical, isRefused] of [
    ['0101ff', true],
    ['', false],
  ] as const) {
    const extension = Buffer.from(`0603290101${critical}0400`, 'hex')
    const extensions = Buffer.concat([
      Buffer.from([0xa1, extension.length + 2, 0x30, extension.length]),
      extension,
    ])
    const extended = Buffer.concat([tstInfo, extensions])
    t.equal(tstInfo.readUInt8(1), 0x81)
    extended.writeUInt8(extended.length - 3, 2)
    const answer = forged({ tstInfo: extended })
    if (isRefused) {
      refuses(t, answer, 'a critical extension that is not supported, 1.1.1.1', 'mismatch')
    } else {
      t.ok(verifyResponse(answer, expected))
    }
  }
})

t.test('a timestamp that OpenSSL cannot read, though it is signed', async (t) => {
  /** The fields of a TSTInfo with all but extensions (RFC 3161 2.4.2). */
  const [version, policy, imprint, serialNumber, genTime, accuracy, ordering, nonce, tsa] = [
    ...elementsOf(tstInfo).slice(0, 6),
    encode(TAG.boolean, Buffer.of(0xff)),
    ...elementsOf(tstInfo).slice(6),
  ] as Buffer[]
  const fields = { version, policy, imprint, serialNumber, genTime, accuracy, ordering, nonce, tsa }
  const integer = (...octets: number[]) => encode(TAG.integer, Buffer.from(octets))
  const accuracyOf = (...parts: Buffer[]) => encode(TAG.sequence, ...parts)
  const millis = encode(contextTag(0, 'primitive'), Buffer.of(1))
  const micros = encode(contextTag(1, 'primitive'), Buffer.of(1))
  const utcTime = genTime?.subarray(4) as Buffer
  for (const [what, change] of [
    ['as it came', {}],
    ['a negative serial number', { serialNumber: integer(0x80) }],
    ['a serial number with a sign', { serialNumber: integer(0, 0x80) }],
    ['a serial number of no octets', { serialNumber: integer() }],
    ['a serial number with a zero too many', { serialNumber: integer(0, 1) }],
    ['a negative serial number with an octet too many', { serialNumber: integer(0xff, 0x80) }],
    [
      'a digest with more behind it',
      { imprint: encode(TAG.sequence, ...elementsOf(imprint as Buffer), millis) },
    ],
    ['a time of two digits for the year', { genTime: encode(TAG.utcTime, utcTime) }],
    ['an accuracy that says nothing', { accuracy: accuracyOf() }],
    ['an accuracy to the microsecond', { accuracy: accuracyOf(integer(0), millis, micros) }],
    ['an accuracy out of order', { accuracy: accuracyOf(micros, millis) }],
    ['an accuracy of a string', { accuracy: accuracyOf(encode(TAG.utf8String, Buffer.from('1'))) }],
    ['an accuracy of no octets', { accuracy: accuracyOf(encode(contextTag(0, 'primitive'))) }],
    ['an ordering of two octets', { ordering: encode(TAG.boolean, Buffer.of(0xff, 0xff)) }],
    ['an ordering of no octets', { ordering: encode(TAG.boolean) }],
    [
      'two names',
      { tsa: encode(contextTag(0), (tsa as Buffer).subarray(2), encode(contextTag(2, 'primitive'))) },
    ],
  ] as const) {
    const answer = forged({
      tstInfo: encode(TAG.sequence, ...(Object.values({ ...fields, ...change }) as Buffer[])),
    })
    const file = join(directory, 'read')
    writeFileSync(file, answer)
    const isReadable = spawnSync('openssl', ['ts', '-reply', '-in', file, '-text']).status === 0
    if (isReadable) {
      t.ok(verifyResponse(answer, expected), what)
    } else {
      refuses(t, answer, 'answered with something other than a timestamp', 'malformed')
    }
  }
})

t.test('an accuracy whose millis or micros are outside of what RFC 3161 2.4.2 allows', async (t) => {
  const accuracyOf = (tagNumber: number, value: string) =>
    encode(TAG.sequence, encode(contextTag(tagNumber, 'primitive'), Buffer.from(value, 'hex')))
  const fields = elementsOf(tstInfo)
  for (const [value, isAllowed] of [
    ['00', false],
    ['01', true],
    ['03e7', true],
    ['03e8', false],
    ['ff', false],
    ['0100000000', false],
  ] as const) {
    for (const tagNumber of [0, 1]) {
      const answer = forged({
        tstInfo: encode(TAG.sequence, ...fields.with(5, accuracyOf(tagNumber, value))),
      })
      if (isAllowed) {
        t.ok(verifyResponse(answer, expected), value)
      } else {
        refuses(t, answer, 'answered with something other than a timestamp', 'malformed')
      }
    }
  }
})

t.test(
  'a signer that is named by its subjectKeyIdentifier is named by issuer and serial number, as OpenSSL reads',
  async (t) => {
    const answer = forged({ args: ['-cades', '-keyid'] })
    t.notOk(verifies(directory, elementsOf(answer)[1] as Buffer, data, root))
    const { token } = verifyResponse(answer, expected)
    t.ok(verifies(directory, token, data, root))
    const other = forged({ args: ['-cades', '-keyid'], signers: [rsa] })
    const { extensions } = readCertificateFields(rsa.certificate)
    const own = extensions.get(EXTENSION.subjectKeyIdentifier)?.value.subarray(2) as Buffer
    other.fill(0, other.lastIndexOf(own), other.lastIndexOf(own) + own.length)
    refuses(t, other, 'without the certificate of its signer', 'untrusted')
  },
)

t.test('a digest whose algorithm has parameters, which OpenSSL does not take for that of the data', (t) => {
  const fields = elementsOf(tstInfo)
  const [algorithm, octets] = elementsOf(fields[2] as Buffer) as [Buffer, Buffer]
  const [id] = elementsOf(algorithm) as [Buffer]
  for (const parameters of [encode(TAG.null), Buffer.of(), encode(TAG.integer, Buffer.of(5))]) {
    const imprint = encode(TAG.sequence, encode(TAG.sequence, id, parameters), octets)
    const answer = forged({ tstInfo: encode(TAG.sequence, ...fields.with(2, imprint)) })
    if (verifies(directory, elementsOf(answer)[1] as Buffer, data, root)) {
      t.ok(verifyResponse(answer, expected))
    } else {
      t.equal(parameters[0], TAG.integer)
      refuses(t, answer, 'answered with something other than a timestamp', 'malformed')
    }
  }
  t.end()
})

t.test('a name that is not in the certificate', async (t) => {
  const other = authority(FOR_TIMESTAMPS, { subject: '/O=Test/CN=Other' })
  refuses(t, forged({ signers: [other] }), 'gives itself another name', 'untrusted')
  const alternative = authority(
    [...FOR_TIMESTAMPS, 'subjectAltName = DNS:tsa.example, dirName:alternative'],
    { subject: '/O=Test/CN=Other', extension: '[alternative]\nO = Test\nCN = Timestamp authority' },
  )
  t.ok(verifyResponse(forged({ signers: [alternative] }), expected))
})

t.test('names in other types of strings than those of the certificate', async (t) => {
  const named = (tag: number, name: string) =>
    nameOf(attribute(ORGANIZATION, tag, 'TEST'), attribute(COMMON_NAME, tag, name))
  for (const tag of [TAG.printableString, TAG.bmpString, TAG.teletexString]) {
    // tsa is the last field: [0] EXPLICIT around a directoryName, [4] EXPLICIT (RFC 3161 2.4.2)
    const tsa = encode(contextTag(0), encode(contextTag(4), named(tag, 'Timestamp authority')))
    const renamed = encode(TAG.sequence, ...elementsOf(tstInfo).slice(0, -1), tsa)
    t.ok(verifyResponse(forged({ tstInfo: renamed }), expected), `tsa, ${tag}`)
    const certified = reissue(signer, issuing, { [CERTIFICATE.issuer]: named(tag, ' Timestamp  CA') })
    const answer = forged({ signers: [certified] })
    const { token } = verifyResponse(answer, expected)
    t.ok(verifies(directory, token, data, root), `issuer, ${tag}`)
  }
  // The certificate comes first. Who made the signature is not signed
  const { issuer } = readCertificateFields(signer.certificate)
  const printable = Buffer.from(issuer)
  printable.writeUInt8(TAG.printableString, issuer.indexOf(Buffer.from('Timestamp CA')) - 2)
  const changed = Buffer.from(answer)
  printable.copy(changed, answer.lastIndexOf(issuer))
  t.notSame(changed, answer)
  const { token } = verifyResponse(changed, expected)
  t.ok(verifies(directory, token, data, root), 'issuerAndSerialNumber')
})

t.test('times that are none, and such with fractions of a second', async (t) => {
  const fields = elementsOf(tstInfo)
  const [, now = ''] = /(\d{14})Z/.exec(tstInfo.toString('latin1')) ?? []
  const at = (time: string) => forged({ tstInfo: encode(TAG.sequence, ...fields.with(4, timeOf(time))) })
  t.ok(verifyResponse(at(`${now}.125Z`), expected))
  for (const time of [`${now}+0000`, `${now.slice(0, 12)}Z`, `${now.slice(0, 4)}1301000000Z`]) {
    refuses(t, at(time), 'answered with something other than a timestamp', 'malformed')
  }
})

t.test('certificates that cannot be read', async (t) => {
  const ofRsaIssuer = authority(FOR_TIMESTAMPS, { issuer: rsaIssuer })
  const spoiled = forged({ signers: [ofRsaIssuer] })
  const { raw } = ofRsaIssuer.certificate
  withEmptyTime(ofRsaIssuer.certificate).copy(spoiled, spoiled.indexOf(raw))
  refuses(t, spoiled, 'answered with something other than a timestamp', 'malformed')
  const withoutKey = withUnknownKey(signer.certificate)
  const changed = Buffer.from(answer)
  withoutKey.raw.copy(changed, changed.indexOf(signer.certificate.raw))
  refuses(
    t,
    changed,
    /a key that is not secure, or may not be: it is of DSA or of a type that is unknown here/,
    'untrusted',
  )
  const pointless = reissue(issuing, root, { [CERTIFICATE.key]: POINT_AT_INFINITY })
  const forgery = forged({ signers: [signer], chain: [pointless] })
  refuses(t, forgery, 'answered with something other than a timestamp', 'malformed')
  const broken = Buffer.from(answer)
  broken.writeUInt8(0x31, broken.indexOf(signer.certificate.raw) + 4)
  refuses(t, broken, 'answered with something other than a timestamp', 'malformed')
})

t.test('what is no answer at all', async (t) => {
  for (const bytes of ['', '30', '3000', '3080', 'ff'.repeat(40), '30'.repeat(500), '3003020100']) {
    refuses(t, Buffer.from(bytes, 'hex'), /other than a timestamp|sent none/, 'malformed')
  }
  refuses(
    t,
    Buffer.from('<html>Sign in</html>'),
    'answered with something other than a timestamp',
    'malformed',
  )
  for (const end of [1, 10, 100, answer.length - 1]) {
    refuses(t, answer.subarray(0, end), 'answered with something other than a timestamp', 'malformed')
  }
})
