import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { DerReader } from '../../../src/asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../../src/asn1/tag.ts'
import { checkOcspResponse } from '../../../src/revocation/ocsp/ocsp-check.ts'
import { createOcspRequest, ID_OCSP_NONCE } from '../../../src/revocation/ocsp/ocsp-request.ts'
import { readCertificateFields } from '../../../src/x509/certificate-fields.ts'
import { type Issued, type IssueOptions, issue, openssl, RSA_2048 } from '../../support/certificates.ts'
import {
  algorithm,
  attribute,
  CERTIFICATE,
  COMMON_NAME,
  elementsOf,
  extensionsOf,
  nameOf,
  ORGANIZATION,
  reissue,
  resignAnswer,
  SHA256_WITH_RSA,
  timeOf,
  withCompressedPoint,
  withLongLength,
} from '../../support/resigned.ts'
import {
  asn1Time,
  judgeOcsp,
  type ResponseOptions,
  RevocationAuthority,
  readOcsp,
} from '../../support/revocation-authority.ts'

const DAY_MS = 86_400_000
const directory = t.testdir()
const root = issue(directory, { subject: '/CN=root', ca: true })
const leaf = issue(directory, { subject: '/CN=leaf', issuer: root })
const authority = new RevocationAuthority(directory, root)
authority.know(leaf.certificate)
const judged = { certificate: leaf, issuer: root, root }
const FOR_OCSP = ['extendedKeyUsage = OCSPSigning', 'noCheck = ignored']

function question(certificate = leaf, issuer = root) {
  const fields = readCertificateFields(certificate.certificate)
  const issuerFields = readCertificateFields(issuer.certificate)
  const { der, nonce } = createOcspRequest(fields, issuerFields)
  return { der, nonce, certificate: fields, issuer: issuer.certificate, issuerFields }
}

/** What is found in the authority's answer. */
async function check(options: ResponseOptions = {}, asked = question(), at = new Date()) {
  return await checkOcspResponse(await authority.respond(asked.der, options), asked, at)
}

function responder(options: Partial<IssueOptions> = {}): Issued {
  return issue(directory, { subject: '/CN=responder', issuer: root, extensions: FOR_OCSP, ...options })
}

t.test('what is asked is what openssl asks', async (t) => {
  const file = join(directory, 'request.der')
  openssl(
    ...['ocsp', '-no_nonce', '-reqout', file],
    ...['-issuer', root.certificateFile, '-cert', leaf.certificateFile],
  )
  const asked = question()
  const own = join(directory, 'own.der')
  writeFileSync(own, asked.der)
  const read = (file: string) => openssl('ocsp', '-req_text', '-reqin', file).split('\n')
  const id = (file: string) => read(file).filter((line) => /Hash|Serial/.test(line))
  t.equal(id(own).length, 4)
  t.strictSame(id(own), id(file))
  t.match(read(own).join(), /OCSP Nonce/)
  t.equal(asked.nonce.length, 16, 'some responders refuse longer ones')
  t.ok(asked.der.includes(asked.nonce))
})

t.test('answers that openssl verifies are taken', async (t) => {
  const key = { key: RSA_2048 }
  for (const [name, options] of [
    ['the issuer itself', {}],
    ['by the digest of its key', { args: ['-ndays', '1', '-resp_key_id'] }],
    ['without certificates', { args: ['-ndays', '1', '-resp_no_certs'] }],
    ['a delegated responder', { signer: responder() }],
    ['one with an RSA key', { signer: responder(key) }],
    [
      'one that signs with PSS',
      { signer: responder(key), args: ['-ndays', '1', '-rsigopt', 'rsa_padding_mode:pss'] },
    ],
    ['over SHA-384', { args: ['-ndays', '1', '-rmd', 'sha384'] }],
    [
      'with what an ordinary certificate has too',
      {
        signer: responder({
          extensions: [
            ...FOR_OCSP,
            'keyUsage = critical, digitalSignature',
            'basicConstraints = critical, CA:FALSE',
          ],
        }),
      },
    ],
  ] satisfies [string, ResponseOptions][]) {
    const { der, revocation, nextUpdate } = await check(options)
    t.equal(revocation, undefined, name)
    t.equal(judgeOcsp(directory, der, { certificate: leaf, issuer: root, root }), 'good', name)
    t.ok(Math.abs(nextUpdate.getTime() - Date.now() - DAY_MS) < 60_000, name)
  }
})

t.test('certificates that others added are not embedded', async (t) => {
  const others = Array.from({ length: 100 }, () => leaf.certificate.raw)
  for (const signer of [root, responder()]) {
    const asked = question()
    const came = await authority.respond(asked.der, { signer })
    const alone = await checkOcspResponse(came, asked, new Date())
    t.same(alone.der, came, 'that of the responder stays')
    const added = withCertificates(came, [signer.certificate.raw, ...others])
    t.ok(added.length > 30_000)
    t.same((await checkOcspResponse(added, asked, new Date())).der, came)
    t.equal(judgeOcsp(directory, added, { certificate: leaf, issuer: root, root }), 'good', 'nobody notices')
  }
})

/** Returns an OCSPResponse with other certificates, which are not signed. */
function withCertificates(answer: Buffer, certificates: readonly Buffer[]): Buffer {
  const [status, wrapped] = elementsOf(answer) as [Buffer, Buffer]
  const response = new DerReader(wrapped).enter(contextTag(0)).enter(TAG.sequence)
  const type = response.element(TAG.objectIdentifier)
  const signed = elementsOf(response.content(TAG.octetString)).slice(0, 3)
  const list = encode(contextTag(0), encode(TAG.sequence, ...certificates))
  const bytes = encode(TAG.sequence, type, encode(TAG.octetString, encode(TAG.sequence, ...signed, list)))
  return encode(TAG.sequence, status, encode(contextTag(0), bytes))
}

t.test('what is appended to an answer is left out', async (t) => {
  const asked = question()
  const came = await authority.respond(asked.der)
  const received = Buffer.concat([came, Buffer.from('\r\n')])
  t.equal(judgeOcsp(directory, received, { certificate: leaf, issuer: root, root }), 'good')
  t.same((await checkOcspResponse(received, asked, new Date())).der, came)
})

t.test('an answer that was made before counts without the nonce', async (t) => {
  const file = join(directory, 'without-nonce.der')
  openssl(
    ...['ocsp', '-sha256', '-no_nonce', '-reqout', file],
    ...['-issuer', root.certificateFile, '-cert', leaf.certificateFile],
  )
  const der = await authority.respond(readFileSync(file))
  const answer = await checkOcspResponse(der, question(), new Date())
  t.equal(answer.revocation, undefined, 'with other digests too')
  t.equal(
    answer.doubt,
    'names the certificate by another hash than SHA-1 (2.16.840.1.101.3.4.2.1): pdfsig and Java do not take it',
  )
})

t.test('that a certificate is revoked is told with its time and reason', async (t) => {
  const revoking = new RevocationAuthority(directory, root)
  const at = new Date('2026-01-02T03:04:05Z')
  for (const [reason, words] of [
    [undefined, 'unspecified'],
    ['keyCompromise', 'key compromise'],
    ['cessationOfOperation', 'cessation of operation'],
    ['holdInstruction,1.2.840.10040.2.1', 'certificate hold'],
  ] as const) {
    revoking.revoke(leaf.certificate, at, reason)
    const asked = question()
    const der = await revoking.respond(asked.der)
    t.strictSame((await checkOcspResponse(der, asked, new Date())).revocation, { at, reason: words })
    t.equal(judgeOcsp(directory, der, { certificate: leaf, issuer: root, root }), 'revoked')
  }
})

t.test(
  'a responder whose key identifier is that of another issuer can revoke, and nothing else',
  async (t) => {
    const signer = responder({ extensions: [...FOR_OCSP, `2.5.29.35 = DER:30168014${'ab'.repeat(20)}`] })
    const flaw = 'its responder has a certificate whose authorityKeyIdentifier is not that of its issuer'
    await t.rejects(check({ signer }), { message: flaw })
    const revoking = new RevocationAuthority(directory, root)
    revoking.revoke(leaf.certificate, new Date(Date.now() - DAY_MS), 'keyCompromise')
    const asked = question()
    const der = await revoking.respond(asked.der, { signer })
    t.match(await checkOcspResponse(der, asked, new Date()), { flaw, revocation: { reason: /key/ } })
  },
)

t.test('a responder that names another certificate of the key of its issuer', async (t) => {
  const renewed = issue(directory, { subject: '/CN=root', ca: true, keyFile: root.keyFile })
  const signer = responder({
    issuer: renewed,
    extensions: [...FOR_OCSP, 'authorityKeyIdentifier = keyid, issuer:always'],
  })
  const { flaw, der } = await check({ signer })
  t.equal(flaw, undefined)
  t.equal(judgeOcsp(directory, der, { certificate: leaf, issuer: root, root: renewed }), 'good')
})

t.test('who may not answer is not listened to', async (t) => {
  const stranger = issue(directory, { subject: '/CN=stranger', ca: true })
  const past = { notBefore: new Date(Date.now() - 2 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) }
  for (const [signer, message] of [
    [stranger, /^its responder, CN=stranger, has its certificate from another issuer$/],
    [
      responder({ issuer: stranger }),
      /^its responder, CN=responder, has its certificate from another issuer$/,
    ],
    [
      reissue(responder(), root, {
        [CERTIFICATE.issuer]: readCertificateFields(stranger.certificate).subject,
      }),
      /^its responder, CN=responder, has its certificate from another issuer$/,
    ],
    [
      responder({ extensions: ['extendedKeyUsage = clientAuth'] }),
      /^its responder cannot be trusted: the certificate of CN=responder is not for OCSP$/,
    ],
    [responder({ extensions: ['extendedKeyUsage = anyExtendedKeyUsage'] }), /CN=responder is not for OCSP$/],
    [responder({ extensions: ['basicConstraints = CA:FALSE'] }), /CN=responder is not for OCSP$/],
    [responder(past), /^The certificate of CN=responder expired at/],
    [
      responder({ extensions: [...FOR_OCSP, '1.2.3.4 = critical, DER:0500'] }),
      /critical extension that is not supported, 1\.2\.3\.4$/,
    ],
    [
      responder({ extensions: [...FOR_OCSP, '2.5.29.17 = DER:0500'] }),
      /cannot be trusted: the certificate of CN=responder has a malformed extension \(subjectAltName\)/,
    ],
    [
      responder({ extensions: [...FOR_OCSP, '2.5.29.35 = DER:020101'] }),
      /cannot be trusted: the certificate of CN=responder has a malformed extension \(authorityKeyIdentifier\)/,
    ],
  ] as const) {
    const asked = question()
    const der = await authority.respond(asked.der, { signer })
    await t.rejects(checkOcspResponse(der, asked, new Date()), { message })
    t.equal(judgeOcsp(directory, der, { certificate: leaf, issuer: root, root }), undefined)
  }
  await t.rejects(check({ signer: responder(), args: ['-ndays', '1', '-resp_no_certs'] }), {
    message: 'it does not hold the certificate of its responder',
  })
})

t.test(
  "a responder's own certificate is reviewed as others are, though it revokes whatever that finds",
  async (t) => {
    const revoking = new RevocationAuthority(directory, root)
    revoking.revoke(leaf.certificate, new Date(Date.now() - DAY_MS), 'keyCompromise')
    const onKey = (...key: string[]) => responder({ key: ['-algorithm', ...key] })
    const forUsage = (usage: string) =>
      responder({ extensions: [...FOR_OCSP, `keyUsage = critical, ${usage}`] })
    for (const [signer, problem] of [
      [onKey('RSA', '-pkeyopt', 'rsa_keygen_bits:1024'), 'has a key that is not secure, RSA with 1024 bits'],
      [onKey('EC', '-pkeyopt', 'ec_paramgen_curve:P-224'), 'has a key that is not secure, EC with 224 bits'],
      [responder({ hash: 'sha1' }), 'is signed with SHA-1, which can be forged'],
      [forUsage('keyAgreement'), 'is not for signatures, by its key usage'],
    ] as const) {
      const flaw = `its responder cannot be trusted: the certificate of CN=responder ${problem}`
      await t.rejects(check({ signer }), { message: flaw })
      const asked = question()
      const der = await revoking.respond(asked.der, { signer })
      t.equal(judgeOcsp(directory, der, judged), 'revoked', problem)
      t.match(await checkOcspResponse(der, asked, new Date()), { flaw, revocation: { reason: /key/ } })
    }
    for (const usage of ['digitalSignature', 'nonRepudiation']) {
      const signer = responder({ extensions: [...FOR_OCSP, `keyUsage = critical, ${usage}`] })
      t.equal((await check({ signer })).revocation, undefined, usage)
    }
    const noCheck = responder({
      extensions: ['extendedKeyUsage = OCSPSigning', 'noCheck = critical, ignored'],
    })
    t.equal((await check({ signer: noCheck })).revocation, undefined)
  },
)

t.test('a responder whose name its issuer may not certify', async (t) => {
  const narrow = issue(directory, {
    ...{ subject: '/CN=narrow', ca: true },
    extensions: [
      ...['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign'],
      ...['nameConstraints = critical, permitted;email:example.com'],
    ],
  })
  const about = issue(directory, { subject: '/CN=about', issuer: narrow })
  const own = new RevocationAuthority(directory, narrow)
  own.know(about.certificate)
  const extensions = [...FOR_OCSP, 'subjectAltName = email:ocsp@example.org']
  const signer = issue(directory, { subject: '/CN=responder', issuer: narrow, extensions })
  const asked = question(about, narrow)
  await t.rejects(checkOcspResponse(await own.respond(asked.der, { signer }), asked, new Date()), {
    message:
      'its responder cannot be trusted: the certificate of CN=responder has the e-mail address ocsp@example.org for a ' +
      'name, which the name constraints of the certificate of CN=narrow forbid',
  })
})

t.test('a signature that is wrong, or of a kind that is not supported', async (t) => {
  await t.rejects(check({ args: ['-ndays', '1', '-badsig'] }), { message: 'its signature does not verify' })
  await t.rejects(check({ args: ['-ndays', '1', '-rmd', 'sha1'] }), {
    message: 'it is signed with SHA-1, which can be forged',
  })
})

t.test('an answer about something else, or to somebody else', async (t) => {
  const other = issue(directory, { subject: '/CN=other', issuer: root })
  authority.know(other.certificate)
  const about = await authority.respond(question(other).der)
  const asked = question()
  await t.rejects(checkOcspResponse(about, { ...asked, nonce: question(other).nonce }, new Date()), {
    message: 'it answered another request: its nonce is not the one that was sent',
  })
  const file = join(directory, 'other.der')
  const others = ['-issuer', root.certificateFile, '-cert', other.certificateFile]
  openssl('ocsp', '-no_nonce', '-reqout', file, ...others)
  await t.rejects(checkOcspResponse(await authority.respond(readFileSync(file)), asked, new Date()), {
    message: 'it answered about another certificate',
  })
  const namesake = issue(directory, { subject: '/CN=root', ca: true })
  await t.rejects(check({}, { ...question(), issuerFields: readCertificateFields(namesake.certificate) }), {
    message: 'it answered about another certificate',
  })
  openssl('ocsp', '-md5', '-no_nonce', '-reqout', file, ...others)
  await t.rejects(checkOcspResponse(await authority.respond(readFileSync(file)), asked, new Date()), {
    message: 'it answered about another certificate',
  })
})

t.test('a nonce that is no octet string keeps no revocation from counting', async (t) => {
  const revoking = new RevocationAuthority(directory, root)
  revoking.revoke(leaf.certificate, new Date())
  for (const own of [authority, revoking]) {
    const asked = question()
    const bare = encode(
      TAG.sequence,
      encodeObjectIdentifier('1.3.6.1.5.5.7.48.1.2'),
      encode(TAG.octetString, asked.nonce),
    )
    const extensions = encode(contextTag(1), encode(TAG.sequence, bare))
    const der = resignAnswer(await own.respond(asked.der), root.keyFile, () => ({ 3: extensions }))
    t.equal(judgeOcsp(directory, der, judged), own === revoking ? 'revoked' : 'good')
    const message = 'it answered another request: its nonce is not the one that was sent'
    const outcome = await checkOcspResponse(der, asked, new Date()).catch((error: Error) => error)
    t.match(outcome, own === revoking ? { flaw: message, revocation: {} } : { message })
  }
})

t.test('a nonce that is marked as critical is a doubt, and its answer counts', async (t) => {
  const asked = question()
  const answers = await bothAnswers(asked)
  const nonce = encode(TAG.octetString, asked.nonce)
  for (const [critical, doubt] of [
    [true, 'has a nonce that is marked as critical: Bouncy Castle, PDFBox and Java do not take it'],
    [undefined, undefined],
  ] as const) {
    const extensions = extensionsOf(1, [ID_OCSP_NONCE, nonce, critical])
    const changed = (answer: Buffer) => resignAnswer(answer, root.keyFile, () => ({ 3: extensions }))
    const [good, revoked] = [changed(answers.good), changed(answers.revoked)]
    t.equal(judgeOcsp(directory, good, judged), 'good')
    t.match(await checkOcspResponse(good, asked, new Date()), { doubt, flaw: undefined })
    t.equal(judgeOcsp(directory, revoked, judged), 'revoked')
    t.match(await checkOcspResponse(revoked, asked, new Date()), { flaw: undefined, revocation: {} })
  }
})

t.test('unknown is no answer', async (t) => {
  const asked = question()
  const der = await new RevocationAuthority(directory, root).respond(asked.der)
  t.equal(judgeOcsp(directory, der, { certificate: leaf, issuer: root, root }), 'unknown')
  await t.rejects(checkOcspResponse(der, asked, new Date()), { message: 'it does not know the certificate' })
})

t.test('an answer counts from its time, with five minutes for clocks, to the next', async (t) => {
  const at = (ms: number) => new Date(Date.now() + ms)
  await check({}, question(), at(-4 * 60_000))
  await t.rejects(check({}, question(), at(-6 * 60_000)), {
    message: /^it is from the future, .*; check the clock$/,
  })
  await check({}, question(), at(DAY_MS - 60_000))
  await t.rejects(check({}, question(), at(DAY_MS + 60_000)), { message: /^it was to be replaced at / })
})

t.test('an answer without nextUpdate counts for half an hour after it was signed', async (t) => {
  const asked = question()
  const answer = await authority.respond(asked.der, { args: [] })
  const now = new Date(Math.floor(Date.now() / 1000) * 1000)
  const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000)
  const from = (thisUpdate: Date, producedAt: Date) =>
    resignAnswer(answer, root.keyFile, (fields) => {
      const [single = Buffer.alloc(0)] = elementsOf(fields[2] as Buffer)
      const [id = Buffer.alloc(0), status = Buffer.alloc(0)] = elementsOf(single)
      const changed = encode(TAG.sequence, id, status, timeOf(asn1Time(thisUpdate)))
      return { 1: timeOf(asn1Time(producedAt)), 2: encode(TAG.sequence, changed) }
    })
  for (const [thisUpdate, end] of [
    [now, minutesAgo(-30)],
    // Responders that know no more than the last CRL have its thisUpdate
    [minutesAgo(240), minutesAgo(-30)],
    [minutesAgo(24 * 60 - 20), minutesAgo(-20)],
  ] as const) {
    const der = from(thisUpdate, now)
    t.equal(judgeOcsp(directory, der, judged), 'good')
    t.strictSame((await checkOcspResponse(der, asked, now)).nextUpdate, end)
  }
  for (const [thisUpdate, producedAt] of [
    [minutesAgo(240), minutesAgo(31)],
    [minutesAgo(24 * 60), now],
  ] as const) {
    await t.rejects(checkOcspResponse(from(thisUpdate, producedAt), asked, now), {
      message: /^it was to be replaced at /,
    })
  }
})

t.test("a good answer counts no longer than its responder's certificate", async (t) => {
  const notAfter = new Date(Math.floor(Date.now() / 1000) * 1000 + DAY_MS / 2)
  const { der, nextUpdate } = await check({ signer: responder({ notAfter }) })
  t.strictSame(nextUpdate, notAfter)
  t.equal(judgeOcsp(directory, der, judged, new Date(notAfter.getTime() - 1000)), 'good')
  t.equal(judgeOcsp(directory, der, judged, notAfter), undefined)
})

t.test('that a certificate is revoked counts with flaws too, if the signature is right', async (t) => {
  const revoking = new RevocationAuthority(directory, root)
  const at = new Date('2026-01-02T03:04:05Z')
  revoking.revoke(leaf.certificate, at, 'keyCompromise')
  const asked = question()
  const from = (ms: number) => new Date(Date.now() + ms)
  const short = responder({ notAfter: from(DAY_MS / 2) })
  const odd = responder({ extensions: [...FOR_OCSP, '1.2.3.4 = critical, DER:0500'] })
  const malformed = responder({ extensions: [...FOR_OCSP, '2.5.29.17 = DER:0500'] })
  for (const [options, now, nonce, flaw] of [
    [{}, from(DAY_MS + 60_000), asked.nonce, /^it was to be replaced at /],
    [{ args: [] }, from(DAY_MS), asked.nonce, /^it was to be replaced at /],
    [{}, from(-DAY_MS), asked.nonce, /^it is from the future/],
    [{}, from(0), question().nonce, /^it answered another request/],
    [{ signer: short }, from(2 * DAY_MS), asked.nonce, /^it was to be replaced at /],
    [{ signer: short }, from(0.75 * DAY_MS), asked.nonce, /^The certificate of CN=responder expired at /],
    [{ args: ['-ndays', '1', '-rmd', 'sha1'] }, from(0), asked.nonce, /^it is signed with SHA-1/],
    [{ signer: odd }, from(0), asked.nonce, /^its responder cannot be trusted: .* extension .* 1\.2\.3\.4$/],
    [{ signer: malformed }, from(0), asked.nonce, /^its responder cannot be trusted: .* \(subjectAltName\)/],
  ] satisfies [ResponseOptions, Date, Buffer, RegExp][]) {
    const der = await revoking.respond(asked.der, options)
    const answer = await checkOcspResponse(der, { ...asked, nonce }, now)
    t.match(answer.flaw, flaw)
    t.strictSame(answer.revocation, { at, reason: 'key compromise' })
    const forged = await revoking.respond(asked.der, {
      ...options,
      args: [...(options.args ?? ['-ndays', '1']), '-badsig'],
    })
    await t.rejects(checkOcspResponse(forged, { ...asked, nonce }, now), {
      message: 'its signature does not verify',
    })
  }
})

t.test(
  'that a certificate is revoked counts from a responder of an authority with policy constraints',
  async (t) => {
    const demanding = issue(directory, {
      ...{ subject: '/CN=demanding', issuer: root, ca: true },
      extension: 'policyConstraints = critical, requireExplicitPolicy:0',
    })
    const about = issue(directory, { subject: '/CN=about', issuer: demanding })
    const signer = responder({ issuer: demanding })
    const own = new RevocationAuthority(directory, demanding)
    const at = new Date('2026-01-02T03:04:05Z')
    own.revoke(about.certificate, at)
    const asked = question(about, demanding)
    const der = await own.respond(asked.der, { signer })
    t.equal(judgeOcsp(directory, der, { certificate: about, issuer: demanding, root }), 'revoked')
    const { revocation } = await checkOcspResponse(der, asked, new Date())
    t.strictSame(revocation, { at, reason: 'unspecified' })
  },
)

t.test(
  'a good answer under policy constraints counts if the responder has a policy of its authority',
  async (t) => {
    const policy = 'certificatePolicies = 1.2.3'
    const demanding = issue(directory, {
      ...{ subject: '/CN=demanding', issuer: root },
      extensions: [
        'basicConstraints = critical, CA:TRUE',
        'keyUsage = critical, keyCertSign, cRLSign',
        'policyConstraints = critical, requireExplicitPolicy:0',
        policy,
      ],
    })
    const about = issue(directory, { subject: '/CN=about', issuer: demanding })
    const own = new RevocationAuthority(directory, demanding)
    own.know(about.certificate)
    const asked = question(about, demanding)
    const signer = responder({ issuer: demanding, extensions: [...FOR_OCSP, policy] })
    const der = await own.respond(asked.der, { signer })
    t.equal(judgeOcsp(directory, der, { certificate: about, issuer: demanding, root }), 'good')
    t.equal((await checkOcspResponse(der, asked, new Date())).flaw, undefined)
    const without = await own.respond(asked.der, { signer: responder({ issuer: demanding }) })
    await t.rejects(checkOcspResponse(without, asked, new Date()), {
      message: /^its responder cannot be trusted: the certificate of CN=demanding demands a policy/,
    })
  },
)

t.test('what only some validators take of a responder is a doubt, and its answer counts', async (t) => {
  const onCurve = (name: string) =>
    responder({ key: ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`] })
  const whole = responder()
  const compressed = reissue(whole, root, { [CERTIFICATE.key]: withCompressedPoint(whole) })
  const version = encode(contextTag(0), encode(TAG.integer, Buffer.of(1)))
  const issuedAs = (tag: number) =>
    reissue(whole, root, { [CERTIFICATE.issuer]: nameOf(attribute(COMMON_NAME, tag, 'root')) })
  for (const [options, doubt] of [
    [{}, undefined],
    [{ signer: onCurve('P-384') }, undefined],
    [{ signer: onCurve('brainpoolP256r1') }, /has a key on a curve .* \(brainpoolP256r1\)/],
    [{ signer: compressed }, /has the point of its key in a compressed form/],
    [{ signer: reissue(whole, root, { [CERTIFICATE.version]: version }) }, /has version 2/],
    [{ signer: issuedAs(TAG.teletexString) }, /has the name of its issuer in another encoding/],
    [{ signer: issuedAs(TAG.printableString) }, /has the name of its issuer in another encoding/],
    [{ signer: issuedAs(TAG.utf8String) }, undefined],
    [
      { signer: responder({ key: RSA_2048 }), args: ['-ndays', '1', '-rmd', 'sha3-256'] },
      /its algorithm, 2\.16\.840\.1\.101\.3\.4\.3\.14, is one/,
    ],
  ] satisfies [ResponseOptions, RegExp | undefined][]) {
    const answer = await check(options)
    t.match(answer, { doubt, revocation: undefined })
    t.equal(judgeOcsp(directory, answer.der, judged), 'good')
  }
})

t.test(
  'an algorithm that only some validators know is a doubt in an answer of the issuer, too',
  async (t) => {
    const issuer = issue(directory, { subject: '/CN=issuer', issuer: root, ca: true, key: RSA_2048 })
    const about = issue(directory, { subject: '/CN=leaf', issuer })
    const own = new RevocationAuthority(directory, issuer)
    own.know(about.certificate)
    const asked = question(about, issuer)
    const twoHashes = ['-rsigopt', 'rsa_padding_mode:pss', '-rsigopt', 'rsa_mgf1_md:sha1']
    for (const [args, doubt] of [
      [['-rmd', 'sha256'], undefined],
      [
        ['-rmd', 'sha256', ...twoHashes],
        'has a signature that some validators do not take (its algorithm, 1.2.840.113549.1.1.10 with unusual parameters, is one that only some know)',
      ],
      [
        ['-rmd', 'sha3-256'],
        'has a signature that some validators do not take (its algorithm, 2.16.840.1.101.3.4.3.14, is one that only some know)',
      ],
    ] as const) {
      const der = await own.respond(asked.der, { args: ['-ndays', '1', ...args] })
      t.equal(judgeOcsp(directory, der, { certificate: about, issuer, root }), 'good')
      t.equal((await checkOcspResponse(der, asked, new Date())).doubt, doubt)
    }
  },
)

t.test('of two certificates of one responder key, that which validators rely on counts', async (t) => {
  const odd = responder({ extensions: [...FOR_OCSP, '1.2.3.4 = critical, DER:0500'] })
  const right = responder({ keyFile: odd.keyFile })
  for (const [signer, other] of [
    [odd, right],
    [right, odd],
  ] satisfies [Issued, Issued][]) {
    const args = ['-ndays', '1', '-rother', other.certificateFile]
    const answer = await check({ signer, args })
    t.ok(answer.signer.raw.equals(right.certificate.raw))
    t.equal(judgeOcsp(directory, answer.der, { certificate: leaf, issuer: root, root }), 'good')
  }
})

t.test('a revocation counts whose answer does not say when it was signed', async (t) => {
  const revoking = new RevocationAuthority(directory, root)
  revoking.revoke(leaf.certificate, new Date('2026-01-02T03:04:05Z'))
  const asked = question()
  const answer = await revoking.respond(asked.der, { args: [] })
  const odd = resignAnswer(answer, root.keyFile, () => ({
    1: encode(TAG.generalizedTime, Buffer.from('2026')),
  }))
  const { flaw, revocation, thisUpdate, nextUpdate } = await checkOcspResponse(odd, asked, new Date())
  t.match(revocation, { reason: 'unspecified' })
  t.match(flaw, /^it is no DER: the octets of a value are not those of its type, so that/)
  t.equal(nextUpdate.getTime() - thisUpdate.getTime(), 1_800_000)
})

/** Times of an answer that openssl reads, though RFC 5280 4.1.2.5 forbids them or they do not exist. */
const WRONG_TIMES = ['202611010000Z', '20261301000000Z', '20261101000000+0100', '20261101']

/** Returns an answer with other elements in its SingleResponse: CertID, CertStatus, thisUpdate and nextUpdate. */
function withSingle(
  answer: Buffer,
  change: (single: readonly Buffer[]) => Buffer[],
  producedAt?: Buffer,
): Buffer {
  return resignAnswer(answer, root.keyFile, (fields) => {
    const [single = Buffer.alloc(0)] = elementsOf(fields[2] as Buffer)
    const changed = encode(TAG.sequence, encode(TAG.sequence, ...change(elementsOf(single))))
    return { ...(producedAt && { 1: producedAt }), 2: changed }
  })
}

t.test('a revocation counts though one of its times is wrong', async (t) => {
  const revoking = new RevocationAuthority(directory, root)
  const at = new Date('2026-01-02T03:04:05Z')
  revoking.revoke(leaf.certificate, at)
  const asked = question()
  const [revoked, good] = [await revoking.respond(asked.der), await authority.respond(asked.der)]
  const now = new Date(Math.floor(Date.now() / 1000) * 1000 + 2000)
  const producedAt = timeOf(asn1Time(new Date(now.getTime() - 1000)))
  const right = await checkOcspResponse(
    withSingle(revoked, (single) => [...single], producedAt),
    asked,
    now,
  )
  t.equal(right.flaw, undefined)
  for (const time of WRONG_TIMES) {
    const wrong = encode(TAG.generalizedTime, Buffer.from(time))
    const flaw = `it is no DER of this kind: "${time}" is not a time of RFC 5280 4.1.2.5`
    const inStatus = withSingle(revoked, (single) => single.with(1, encode(contextTag(1), wrong)), producedAt)
    t.equal(judgeOcsp(directory, inStatus, judged, now), 'revoked', time)
    t.match(await checkOcspResponse(inStatus, asked, now), {
      ...{ flaw, thisUpdate: right.thisUpdate },
      revocation: { at: right.thisUpdate, reason: 'unspecified' },
    })
    for (const [place, field, thisUpdate] of [
      [2, wrong, new Date(now.getTime() - 1000)],
      [3, encode(contextTag(0), wrong), right.thisUpdate],
    ] as const) {
      const change = (single: readonly Buffer[]) => single.with(place, field)
      const der = withSingle(revoked, change, producedAt)
      t.match(readOcsp(directory, der, judged, now), { status: 'revoked', verified: true }, time)
      const answer = await checkOcspResponse(der, asked, now)
      t.match(answer, { flaw, thisUpdate, revocation: { at, reason: 'unspecified' } })
      await t.rejects(checkOcspResponse(withSingle(good, change), asked, now), { message: flaw })
    }
    const throughout = (single: readonly Buffer[]) =>
      [...single.slice(0, 1), encode(contextTag(1), wrong), wrong, encode(contextTag(0), wrong)] as Buffer[]
    const der = withSingle(revoked, throughout, wrong)
    t.match(
      await checkOcspResponse(der, asked, now),
      { flaw, thisUpdate: now, revocation: { at: now } },
      'it is later than any good answer that came before',
    )
    const forged = Buffer.from(der.toString('latin1').replace(time, time.replace('2026', '2025')), 'latin1')
    t.equal(readOcsp(directory, forged, judged, now).verified, false)
    await t.rejects(checkOcspResponse(forged, asked, now), { message: 'its signature does not verify' })
  }
})

t.test('what is no answer at all', async (t) => {
  const asked = question()
  const hex = (text: string) => Buffer.from(text, 'hex')
  for (const [der, message] of [
    [hex('30030a0101'), 'it answered malformedRequest'],
    [hex('30030a0102'), 'it answered internalError'],
    [hex('30030a0103'), 'it answered tryLater'],
    [hex('30030a0105'), 'it answered sigRequired'],
    [hex('30030a0106'), 'it answered unauthorized'],
    [hex('30030a0104'), 'it answered with an unknown status'],
    [hex('30020a00'), 'it answered with an unknown status'],
    [hex('300c0a0100a0073005060129040000'.slice(0, 28)), 'it answered in a form that is not supported'],
    [Buffer.from('<html>'), 'it is a page of HTML or XML, such as that of a login or a proxy'],
    [Buffer.alloc(0), 'it is empty'],
    [
      gzipSync(await authority.respond(asked.der)),
      'it is compressed with gzip, though that was not asked for; have the authority send it as it is',
    ],
  ] as const) {
    await t.rejects(checkOcspResponse(der, asked, new Date()), { message })
  }
  const whole = await authority.respond(asked.der)
  await t.rejects(checkOcspResponse(whole.subarray(0, -1), asked, new Date()), { message: /^it is no DER/ })
})

const BY_NAME = contextTag(1)

t.test('several certificates of the name of the responder', async (t) => {
  const named = (name: string) => responder({ subject: `/CN=${name}`, key: RSA_2048 })
  const [before, now] = [named('responder'), named('responder')]
  const namesake = named('root')
  for (const [signer, other] of [
    [now, before],
    [before, now],
    [namesake, before],
  ] as const) {
    const args = ['-ndays', '1', '-rother', other.certificateFile]
    t.equal((await check({ signer, args })).revocation, undefined)
  }
  const forger = { ...before, keyFile: now.keyFile }
  const asked = question()
  const der = await authority.respond(asked.der, { signer: now })
  const forged = resignAnswer(der, forger.keyFile, () => ({}))
  t.equal((await checkOcspResponse(forged, asked, new Date())).revocation, undefined)
  const wrong = resignAnswer(der, before.keyFile, () => ({}))
  await t.rejects(checkOcspResponse(wrong, asked, new Date()), { message: 'its signature does not verify' })
})

t.test('a responder that is named in another type of string', async (t) => {
  for (const [tag, name] of [
    [TAG.printableString, 'ROOT'],
    [TAG.bmpString, 'root'],
    [TAG.teletexString, 'root'],
  ] as const) {
    const asked = question()
    const responder = encode(BY_NAME, nameOf(attribute(COMMON_NAME, tag, name)))
    const der = resignAnswer(await authority.respond(asked.der), root.keyFile, () => ({ 0: responder }))
    t.equal(judgeOcsp(directory, der, judged), 'good', name)
    t.equal(
      (await checkOcspResponse(der, asked, new Date())).doubt,
      'names its responder in other octets than the certificate of that: pdfsig and Java do not take it',
      name,
    )
  }
})

t.test('a responder that hashes the name of the issuer as the issuer has it', async (t) => {
  const issuer = nameOf(attribute(COMMON_NAME, TAG.printableString, 'Root'))
  const renamed = reissue(leaf, root, { [CERTIFICATE.issuer]: issuer })
  const asked = question(renamed)
  t.notSame(asked.certificate.issuer, asked.issuerFields.subject)
  const file = join(directory, 'by-subject.der')
  const serial = `0x${renamed.certificate.serialNumber}`
  openssl('ocsp', '-no_nonce', '-reqout', file, '-issuer', root.certificateFile, '-serial', serial)
  const der = await authority.respond(readFileSync(file))
  t.match(await checkOcspResponse(der, asked, new Date()), { revocation: undefined, doubt: undefined })
  const hash = createHash('sha1').update(asked.certificate.issuer).digest()
  t.ok(asked.der.includes(hash), 'what is asked has the digest of the name in the certificate')
})

t.test('algorithms of RSA without parameters', async (t) => {
  const rsa = issue(directory, { subject: '/CN=rsa', ca: true, key: RSA_2048 })
  const certificate = issue(directory, { subject: '/CN=leaf', issuer: rsa })
  const other = new RevocationAuthority(directory, rsa)
  other.know(certificate.certificate)
  const asked = question(certificate, rsa)
  for (const form of ['null', 'absent'] as const) {
    const answer = await other.respond(asked.der)
    const der = resignAnswer(answer, rsa.keyFile, () => ({}), algorithm(SHA256_WITH_RSA, form))
    t.equal(judgeOcsp(directory, der, { certificate, issuer: rsa, root: rsa }), 'good', form)
    t.ok(await checkOcspResponse(der, asked, new Date()), form)
  }
})

t.test('serial numbers that RFC 5280 does not have', async (t) => {
  for (const serial of ['ff', '00', '80ffffff', `7f${'01'.repeat(24)}`]) {
    const content = Buffer.from(serial, 'hex')
    const odd = reissue(leaf, root, { [CERTIFICATE.serialNumber]: encode(TAG.integer, content) })
    const asked = question(odd)
    t.same(asked.certificate.serialNumber, content)
    const file = join(directory, 'odd.der')
    openssl(
      ...['ocsp', '-no_nonce', '-reqout', file],
      ...['-issuer', root.certificateFile, '-cert', odd.certificateFile],
    )
    t.ok(readFileSync(file).includes(encode(TAG.integer, content)))
    t.ok(asked.der.includes(encode(TAG.integer, content)), serial)
  }
})

t.test('a version that is written though it is the default, and one that there is not', async (t) => {
  const asked = question()
  const { revoked, good } = await bothAnswers(asked)
  const inVersion = (answer: Buffer, number: number) =>
    resignAnswer(answer, root.keyFile, ([responder = Buffer.alloc(0)]) => ({
      0: Buffer.concat([encode(contextTag(0), encode(TAG.integer, Buffer.of(number))), responder]),
    }))
  t.equal(judgeOcsp(directory, inVersion(good, 0), judged), 'good')
  t.ok(await checkOcspResponse(inVersion(good, 0), asked, new Date()))
  const flaw = 'it answered in an unknown version'
  t.equal(judgeOcsp(directory, inVersion(revoked, 1), judged), 'revoked')
  t.match(await checkOcspResponse(inVersion(revoked, 1), asked, new Date()), { flaw, revocation: {} })
  await t.rejects(checkOcspResponse(inVersion(good, 1), asked, new Date()), { message: flaw })
})

/** Returns answers that say of the leaf that it was revoked, and that it is good. */
async function bothAnswers(asked = question()): Promise<{ revoked: Buffer; good: Buffer }> {
  const { revoking, knowing } = authorities()
  return { revoked: await revoking.respond(asked.der), good: await knowing.respond(asked.der) }
}

/** Returns the authority as it is where it has revoked the leaf, and where it has not. */
function authorities() {
  const revoking = new RevocationAuthority(directory, root)
  revoking.revoke(leaf.certificate, new Date('2026-01-02T03:04:05Z'))
  return { revoking, knowing: authority }
}

t.test('a revocation counts though an extension of its answer is there twice', async (t) => {
  const asked = question()
  const answers = await bothAnswers(asked)
  const nonce = [ID_OCSP_NONCE, encode(TAG.octetString, asked.nonce)] as const
  const unknown = ['1.2.3.4', Buffer.from('0500', 'hex')] as const
  const inSingle = (single: readonly Buffer[]) =>
    encode(TAG.sequence, ...single, extensionsOf(1, unknown, unknown))
  /** Makes of a CertID one that names another certificate by its serial number. */
  const aboutOther = (single: readonly Buffer[]) =>
    single.with(
      0,
      encode(TAG.sequence, ...elementsOf(single[0] as Buffer).with(3, encode(TAG.integer, Buffer.of(5)))),
    )
  for (const [label, id, change] of [
    ['the nonce', nonce[0], () => ({ 3: extensionsOf(1, nonce, nonce) })],
    ['another', unknown[0], () => ({ 3: extensionsOf(1, unknown, nonce, unknown) })],
    [
      'in the SingleResponse',
      unknown[0],
      ([, , list = Buffer.alloc(0)]) => {
        const [single = Buffer.alloc(0)] = elementsOf(list)
        return { 2: encode(TAG.sequence, inSingle(elementsOf(single))) }
      },
    ],
    [
      'in the SingleResponse of another certificate',
      unknown[0],
      ([, , list = Buffer.alloc(0)]) => {
        const [single = Buffer.alloc(0)] = elementsOf(list)
        return { 2: encode(TAG.sequence, inSingle(aboutOther(elementsOf(single))), single) }
      },
    ],
  ] satisfies [string, string, Parameters<typeof resignAnswer>[2]][]) {
    const flaw = `it has the extension ${id} twice`
    const [revoked, good] = [answers.revoked, answers.good].map((answer) =>
      resignAnswer(answer, root.keyFile, change),
    ) as [Buffer, Buffer]
    t.equal(judgeOcsp(directory, revoked, judged), 'revoked', label)
    t.match(await checkOcspResponse(revoked, asked, new Date()), { flaw, revocation: {} }, label)
    t.equal(judgeOcsp(directory, good, judged), 'good', label)
    await t.rejects(checkOcspResponse(good, asked, new Date()), { message: flaw }, label)
    const forged = resignAnswer(answers.revoked, leaf.keyFile, change)
    t.equal(judgeOcsp(directory, forged, judged), undefined, label)
    await t.rejects(checkOcspResponse(forged, asked, new Date()), {
      message: 'its signature does not verify',
    })
  }
})

t.test('a revocation counts though a length in its answer is not the shortest', async (t) => {
  const asked = question()
  const answers = await bothAnswers(asked)
  const flaw = 'it is no DER: a length has more octets than it needs'
  const inField = (place: number) => (answer: Buffer) =>
    resignAnswer(answer, root.keyFile, (fields) => ({ [place]: withLongLength(fields[place] as Buffer) }))
  const inSingle = (place: number) => (answer: Buffer) =>
    withSingle(answer, (single) => single.with(place, withLongLength(single[place] as Buffer)))
  /** Changes the length of the BasicOCSPResponse in its OCTET STRING. */
  const inBasic = (answer: Buffer) => {
    const [status = Buffer.alloc(0), wrapped = Buffer.alloc(0)] = elementsOf(answer)
    const bytes = new DerReader(wrapped).enter(contextTag(0)).enter(TAG.sequence)
    const type = bytes.element()
    const octets = encode(TAG.octetString, withLongLength(bytes.content(TAG.octetString)))
    return encode(TAG.sequence, status, encode(contextTag(0), encode(TAG.sequence, type, octets)))
  }
  // OpenSSL verifies what is signed in an encoding of its own, with the shortest lengths
  for (const [label, change, verified] of [
    ['the whole', withLongLength, true],
    ['the BasicOCSPResponse', inBasic, true],
    ['the responder', inField(0), false],
    ['producedAt', inField(1), false],
    ['the list of answers', inField(2), false],
    ['the extensions', inField(3), false],
    ['the identifier of the certificate', inSingle(0), false],
    ['thisUpdate', inSingle(2), false],
  ] as const) {
    const [revoked, good] = [change(answers.revoked), change(answers.good)]
    t.match(readOcsp(directory, revoked, judged), { status: 'revoked', verified }, label)
    t.match(await checkOcspResponse(revoked, asked, new Date()), { flaw, revocation: {} }, label)
    t.match(readOcsp(directory, good, judged), { status: 'good', verified }, label)
    await t.rejects(checkOcspResponse(good, asked, new Date()), { message: flaw }, label)
  }
})

t.test('an answer that is no DER in its depths shows nobody to be good, and revokes', async (t) => {
  const asked = question()
  const oid = encodeObjectIdentifier(ID_OCSP_NONCE)
  const nonce = encode(TAG.octetString, encode(TAG.octetString, asked.nonce))
  const saying = (critical: number) => {
    const extension = encode(TAG.sequence, oid, encode(TAG.boolean, Buffer.of(critical)), nonce)
    return encode(contextTag(1), encode(TAG.sequence, extension))
  }
  const attributes = [
    attribute(COMMON_NAME, TAG.utf8String, 'responder'),
    attribute(ORGANIZATION, TAG.utf8String, 'O'),
  ]
  const named = (...parts: Buffer[]) => encode(TAG.sequence, encode(TAG.set, ...parts))
  const [sorted, unsorted] = [
    attributes.toSorted(Buffer.compare),
    attributes.toSorted(Buffer.compare).reverse(),
  ]
  const several = reissue(responder(), root, { [CERTIFICATE.subject]: named(...sorted) })
  const now = asn1Time(new Date())
  const octets = 'the octets of a value are not those of its type'
  const order = 'the elements of a SET OF are in another order'
  const byDefault = 'an extension says that it is not critical, the default'
  const inField = (place: number, field: Buffer) => (answer: Buffer, signer: Issued) =>
    resignAnswer(answer, signer.keyFile, () => ({ [place]: field }))
  const inThisUpdate = (answer: Buffer) =>
    withSingle(answer, (single) => single.with(2, timeOf(now.replace('Z', '.0Z'))))
  const { revoking, knowing } = authorities()
  for (const [label, signer, change, problem] of [
    ['producedAt', root, inField(1, timeOf(now.replace('Z', '.500Z'))), octets],
    ['thisUpdate', root, inThisUpdate, octets],
    ['TRUE as another value than FF', root, inField(3, saying(1)), octets],
    ['FALSE', root, inField(3, saying(0)), byDefault],
    ['the name of the responder', several, inField(0, encode(BY_NAME, named(...unsorted))), order],
  ] as const) {
    const message = `it is no DER: ${problem}, so that some validators call a signature over it broken; have the authority correct it`
    const [revoked, good] = (await Promise.all(
      [revoking, knowing].map(async (own) => change(await own.respond(asked.der, { signer }), signer)),
    )) as [Buffer, Buffer]
    t.match(readOcsp(directory, revoked, judged), { status: 'revoked', verified: true }, label)
    t.match(await checkOcspResponse(revoked, asked, new Date()), { flaw: message, revocation: {} }, label)
    await t.rejects(checkOcspResponse(good, asked, new Date()), { message }, label)
  }
})

t.test('a responder whose certificate is no DER in its depths', async (t) => {
  const critical = encode(
    TAG.sequence,
    encodeObjectIdentifier('2.5.29.37'),
    encode(TAG.boolean, Buffer.of(1)),
    encode(TAG.octetString, encode(TAG.sequence, encodeObjectIdentifier('1.3.6.1.5.5.7.3.9'))),
  )
  const signer = reissue(responder(), root, { 7: encode(contextTag(3), encode(TAG.sequence, critical)) })
  const asked = question()
  const message =
    'its responder cannot be trusted: the certificate of CN=responder is not DER in its depths (it is no DER: the octets of a ' +
    'value are not those of its type): some validators encode it anew, and do not find it in signatures then (EU DSS); have it ' +
    'issued anew'
  const { revoking, knowing } = authorities()
  const [revoked, good] = (await Promise.all(
    [revoking, knowing].map((own) => own.respond(asked.der, { signer })),
  )) as [Buffer, Buffer]
  t.equal(judgeOcsp(directory, revoked, judged), 'revoked')
  t.match(await checkOcspResponse(revoked, asked, new Date()), { flaw: message, revocation: {} })
  await t.rejects(checkOcspResponse(good, asked, new Date()), { message })
})

t.test('a revocation counts though others could forge the signature of its answer', async (t) => {
  const rsa = issue(directory, { subject: '/CN=rsa', ca: true, key: RSA_2048 })
  const certificate = issue(directory, { subject: '/CN=leaf', issuer: rsa })
  const asked = question(certificate, rsa)
  const [revoking, knowing] = [1, 2].map(() => new RevocationAuthority(directory, rsa)) as [
    RevocationAuthority,
    RevocationAuthority,
  ]
  revoking.revoke(certificate.certificate, new Date('2026-01-02T03:04:05Z'))
  knowing.know(certificate.certificate)
  const about = { certificate, issuer: rsa, root: rsa }
  for (const [oid, hash, name] of [
    ['1.3.14.3.2.29', 'sha1', 'SHA-1'],
    ['1.2.840.113549.1.1.4', 'md5', 'MD5'],
    ['1.3.14.3.2.3', 'md5', 'MD5'],
  ] as const) {
    const flaw = `it is signed with ${name}, which can be forged`
    const [revoked, good] = (await Promise.all([revoking, knowing].map((one) => one.respond(asked.der)))).map(
      (answer) => resignAnswer(answer, rsa.keyFile, () => ({}), algorithm(oid, 'null'), hash),
    ) as [Buffer, Buffer]
    t.equal(judgeOcsp(directory, revoked, about), 'revoked', oid)
    t.match(await checkOcspResponse(revoked, asked, new Date()), { flaw, revocation: {} }, oid)
    t.equal(judgeOcsp(directory, good, about), 'good', oid)
    await t.rejects(checkOcspResponse(good, asked, new Date()), { message: flaw }, oid)
  }
})

t.test('times with fractions of a second, and what is no time', async (t) => {
  const asked = question()
  const answer = await authority.respond(asked.der)
  const [now] = /\d{14}Z/.exec(answer.toString('latin1')) ?? []
  const at = (time: string) =>
    resignAnswer(answer, root.keyFile, (fields) => {
      const [single = Buffer.alloc(0)] = elementsOf(fields[2] as Buffer)
      const [id = Buffer.alloc(0), status = Buffer.alloc(0)] = elementsOf(single)
      return { 2: encode(TAG.sequence, encode(TAG.sequence, id, status, timeOf(time))) }
    })
  t.equal((await checkOcspResponse(at(`${now}`), asked, new Date())).doubt, undefined)
  const fraction = 'has a time with a fraction of a second (RFC 6960 4.2.2.1): pdfsig does not take it'
  t.equal((await checkOcspResponse(at(`${now}`.replace('Z', '.25Z')), asked, new Date())).doubt, fraction)
  const early =
    'was signed at a time before that of which it tells (producedAt, thisUpdate): pdfsig does not take it'
  for (const [time, doubt] of [
    [`${now}`, undefined],
    [`${now}`.replace('Z', '.25Z'), fraction],
    [asn1Time(new Date(Date.now() - 60_000)), early],
  ] as const) {
    const produced = resignAnswer(answer, root.keyFile, () => ({ 1: timeOf(time) }))
    t.equal((await checkOcspResponse(produced, asked, new Date())).doubt, doubt)
  }
  await t.rejects(checkOcspResponse(at(`${now}`.replace(/^\d{6}/, '202613')), asked, new Date()), {
    message: /^it is no DER of this kind: ".*" is not a time of RFC 5280 4\.1\.2\.5$/,
  })
})
