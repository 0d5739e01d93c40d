import type { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { type Authorities, CRL_EXTENSIONS, issueResponder, startAuthorities } from '../support/authorities.ts'
import { type Issued, issue, RSA_2048 } from '../support/certificates.ts'
import { revocationArchival } from '../support/container-parts.ts'
import type { ValidationData } from '../support/document-engine/dss-dictionary.ts'
import { collectValidationData } from '../support/document-engine/validation-data.ts'
import { createLongTermContainer } from '../support/long-term-container.ts'
import { type Evidence, evidenceAbout, ocspAbout } from '../support/long-term-evidence.ts'
import { accessAt, crlAt, ocspAt } from '../support/revocation-chain.ts'
import { signInSoftware } from '../support/software-container.ts'

const TIMEOUT_MS = 30_000
const NOTHING: Evidence = { crls: {}, responses: {} } as unknown as Evidence

const directory = t.testdir()
const authorities = await startAuthorities(join(directory, 'authorities'))
t.teardown(() => authorities.server.close())
const { root, issuing, responder, timestampRoot, timestampIssuing, timestamps, server } = authorities
const at = (path: string) => `${server.url}${path}`
const signer = authorities.certify({ subject: '/O=Test/CN=Signer', key: RSA_2048 })
const evidence = await evidenceAbout(authorities, signer)

function containerWith(evidence: Evidence, by: Pick<Authorities, 'issuing' | 'root'> = authorities) {
  return createLongTermContainer(
    { ...authorities, ...by },
    {
      content: Buffer.from('content'),
      signer,
      type: 'cades',
      evidence,
      place: 'adbe-revocationInfoArchival',
    },
  )
}

/** A container without a timestamp. */
function plainContainer(signer: Issued, chain: readonly Issued[]): Buffer {
  return signInSoftware({ content: Buffer.from('content'), type: 'cades', signer, chain })
}

async function collect(container: Uint8Array, timeoutMs = TIMEOUT_MS) {
  server.asked.length = 0
  const data = await collectValidationData(container, timeoutMs)
  return { data, asked: [...server.asked].sort() }
}

function sorted(values: readonly Uint8Array[]): string[] {
  return values.map((value) => Buffer.from(value).toString('base64')).sort()
}

const derOf = (...issued: readonly { readonly certificate: X509Certificate }[]) =>
  sorted(issued.map(({ certificate }) => certificate.raw))
const EVERY_CERTIFICATE = derOf(
  ...[signer, issuing.issued, root.issued, responder],
  ...[timestamps, timestampIssuing.issued, timestampRoot.issued],
)

t.test('all that a container does not bring is asked for, of each authority once', async (t) => {
  const { data, asked } = await collect(await containerWith(NOTHING))
  t.same(asked, [
    ...['/issuing', '/root.crl'],
    ...['/timestamp-issuing.crl', '/timestamp-root', '/timestamp-root.cer'],
  ])
  t.same(sorted(data.certificates), EVERY_CERTIFICATE)
  t.equal(data.ocspResponses.length, 2)
  t.equal(data.crls.length, 2)
})

t.test('what the container brings is taken, and nobody is asked', async (t) => {
  const { data, asked } = await collect(await containerWith(evidence))
  t.same(asked, [])
  t.same(sorted(data.certificates), EVERY_CERTIFICATE)
  t.same(sorted(data.ocspResponses), sorted(Object.values(evidence.responses)))
  t.same(sorted(data.crls), sorted(Object.values(evidence.crls)))
})

t.test('what a container misses is asked for', async (t) => {
  const { signer: _, ...responses } = evidence.responses
  const less = { crls: evidence.crls, responses } as unknown as Evidence
  const { data, asked } = await collect(await containerWith(less))
  t.same(asked, ['/issuing'])
  t.equal(data.ocspResponses.length, 2)
})

t.test('a chain without a timestamp, of which the container has the signer alone', async (t) => {
  const { data, asked } = await collect(plainContainer(signer, []))
  t.same(asked, ['/issuing', '/issuing.cer', '/root.cer', '/root.crl'])
  t.same(sorted(data.certificates), derOf(signer, issuing.issued, root.issued, responder))
})

t.test('an OCSP responder whose certificate may be revoked is asked about', async (t) => {
  const checked = issueResponder(join(directory, 'checked'), issuing.issued, crlAt(at('/issuing.crl')))
  server.on('/issuing.crl', () => issuing.crl({ extensions: CRL_EXTENSIONS }))
  server.on('/checked', (request) => issuing.respond(request, { signer: checked }))
  const asking = authorities.certify({
    ...{ subject: '/O=Test/CN=Checked', key: RSA_2048, extension: ocspAt(at('/checked')) },
  })
  const { data, asked } = await collect(plainContainer(asking, [issuing.issued, root.issued]))
  t.same(asked, ['/checked', '/issuing.crl', '/root.crl'])
  t.same(sorted(data.certificates), derOf(asking, issuing.issued, root.issued, checked))
  t.equal(data.crls.length, 2)
})

t.test('the next address is asked where one is of no use', async (t) => {
  const nothing = (body: string) => () => Buffer.from(body)
  server.on('/no-ocsp', nothing('hello'))
  server.on('/try-later', () => Buffer.from('30030a0103', 'hex'))
  server.on('/unknown', (request) => timestampRoot.respond(request))
  server.on('/no.cer', nothing('hello'))
  server.on('/other.cer', () => root.issued.certificate.raw)
  server.on('/other.crl', () => root.crl({ extensions: CRL_EXTENSIONS }))
  server.on('/right.crl', () => issuing.crl({ extensions: CRL_EXTENSIONS }))
  const access = accessAt({
    ocsp: ['/missing', '/no-ocsp', '/try-later', '/unknown'].map(at),
    issuers: ['ldap://127.0.0.1/', at('/no.cer'), at('/other.cer'), at('/issuing.cer')],
  })
  const lists = crlAt('ldap://127.0.0.1/', at('/missing.crl'), at('/other.crl'), at('/right.crl'))
  const stubborn = authorities.certify({
    ...{ subject: '/O=Test/CN=Stubborn', key: RSA_2048, extension: `${access}\n${lists}` },
  })
  const { data, asked } = await collect(plainContainer(stubborn, []))
  t.same(asked, [
    ...['/issuing.cer', '/missing', '/missing.crl', '/no-ocsp', '/no.cer', '/other.cer', '/other.crl'],
    ...['/right.crl', '/root.cer', '/root.crl', '/try-later', '/unknown'],
  ])
  t.equal(data.ocspResponses.length, 0)
  t.equal(data.crls.length, 2)
})

t.test('what nobody has is told, with what was found at each address', async (t) => {
  const rejects = async (extension: string, chain: readonly Issued[], message: string | RegExp) => {
    const { certificate, ...files } = issue(join(directory, 'refused'), {
      ...{ subject: '/O=Test/CN=Signer', key: RSA_2048, issuer: issuing.issued, extension },
    })
    const container = plainContainer({ certificate, ...files }, chain)
    await t.rejects(collect(container), { code: 'NO_VALIDATION_DATA', message })
  }
  const all = [issuing.issued, root.issued]
  const revocation = 'Nobody tells whether O=Test, CN=Signer was revoked'
  await rejects('', all, `${revocation}: the certificate names no address`)
  await rejects(
    [ocspAt(at('/missing')), crlAt(at('/root.crl'))].join('\n'),
    all,
    `${revocation}: ${at('/missing')}: answered with status 404; ` +
      `${at('/root.crl')}: has the CRL of another issuer`,
  )
  await rejects(ocspAt(at('/timestamp-root')), all, /: does not know the certificate$/)
  await rejects(
    accessAt({ ocsp: [at('/issuing')], issuers: [at('/root.cer')] }),
    [],
    `${revocation}: ${at('/root.cer')}: has another certificate; ` +
      'an OCSP request takes the certificate of the issuer, which nobody has',
  )
})

t.test(
  'a root that nobody has is left out, where a CRL or an OCSP response of the container tells',
  async (t) => {
    const signed = (extension: string) =>
      issue(join(directory, 'rootless'), {
        subject: '/CN=Signer',
        key: RSA_2048,
        issuer: root.issued,
        extension,
      })
    const listed = signed([ocspAt(at('/missing')), crlAt(at('/root.crl'))].join('\n'))
    const { data, asked } = await collect(plainContainer(listed, []))
    t.same(asked, ['/root.crl'])
    t.same(sorted(data.certificates), derOf(listed))
    t.equal(data.crls.length, 1)

    const answered = signed('')
    root.know(answered.certificate)
    // The response has no certificate
    const response = await ocspAbout(answered, root, { args: ['-ndays', '1', '-resp_no_certs'] })
    const container = signInSoftware({
      ...{ content: Buffer.from('content'), type: 'cades', signer: answered, chain: [] },
      attributes: [revocationArchival([], [response])],
    })
    const own = await collect(container)
    t.same(own.asked, [])
    t.same(sorted(own.data.certificates), derOf(answered))
    t.same(sorted(own.data.ocspResponses), sorted([response]))
  },
)

t.test('an address that does not answer is waited for no longer than the limit', async (t) => {
  server.on('/silent', () => undefined)
  const unanswered = authorities.certify({
    ...{ subject: '/O=Test/CN=Unanswered', key: RSA_2048, extension: ocspAt(at('/silent')) },
  })
  await t.rejects(collect(plainContainer(unanswered, [issuing.issued, root.issued]), 3_000), {
    message: /\/silent: did not answer within 3000 ms$/,
  })
})

t.test('revocation data of the container that cannot be read is told', async (t) => {
  const invalid = { code: 'INVALID_ANSWER', message: /^A container has a certificate, OCSP response or CRL / }
  // An OCSPResponse that says tryLater, and a SEQUENCE of nothing
  const tryLater = Buffer.from('30030a0103', 'hex')
  const empty = Buffer.from([0x30, 0])
  await t.rejects(collect(await containerWith({ ...evidence, responses: { tryLater } as never })), invalid)
  await t.rejects(collect(await containerWith({ ...evidence, crls: { empty } as never })), invalid)
})

t.test('what is no container has nothing', async (t) => {
  const empty: ValidationData = { certificates: [], ocspResponses: [], crls: [] }
  t.same(await collectValidationData(Buffer.from('hello'), TIMEOUT_MS), empty)
  t.same(await collectValidationData(Buffer.from([0x30, 0]), TIMEOUT_MS), empty)
})
