/** Signatures are answered with what each level takes, and refused or lowered where that cannot be had. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { Client } from '../../src/common/client.ts'
import type { ContainerConfiguration, Level } from '../../src/configuration/container-configuration.ts'
import { VARIABLE_SETTINGS } from '../../src/configuration/read-signer.ts'
import { certificateFromFiles } from '../../src/configuration/signer-certificate.ts'
import type { SignerCertificate } from '../../src/configuration/signer-configuration.ts'
import { TIMESTAMP_UNAVAILABLE } from '../../src/errors.ts'
import type { RevocationInformation } from '../../src/revocation/revocation-information.ts'
import type { SigningContext } from '../../src/signing/level.ts'
import { signAtLevel } from '../../src/signing/sign-at-level.ts'
import { CRL_EXTENSIONS, startAuthorities } from '../support/authorities.ts'
import { DEFAULT_CONTAINER } from '../support/container-configuration.ts'
import { readSignedData } from '../support/document-engine/signed-data.ts'
import { ocspAbout, timestampOver } from '../support/long-term-evidence.ts'
import { REST_OF_TIMESTAMPER } from '../support/timestamper.ts'
import { verifyTimestamp } from '../support/validators/openssl.ts'

const directory = t.testdir()
const authorities = await startAuthorities(join(directory, 'authorities'))
t.teardown(() => authorities.server.close())
const { issuing, responder, timestampIssuing, timestamps, timestampRoot } = authorities
const issued = authorities.certify({ subject: '/O=Test/CN=Signer' })
const { certificate } = issued
const signerCertificate = certificateFromFiles({
  ...{ certificates: [certificate], caCertificates: [], settings: VARIABLE_SETTINGS },
  container: DEFAULT_CONTAINER,
}) as SignerCertificate
const SIGNATURE = Buffer.from('a signature')
const token = await timestampOver(authorities, SIGNATURE)
const timestampPath = [timestamps.certificate, timestampIssuing.issued.certificate]
const message = Buffer.from('signed attributes')
const hashAlgorithm = findHashAlgorithm('sha256') as HashAlgorithm

const NOTHING: RevocationInformation = {
  ...{ ocspResponses: [], crls: [], complete: false },
  ...{ problems: ['CN=x: http://127.0.0.1/ is down'], publicProblems: ['CN=x: no answer that counts'] },
}
const signerData: RevocationInformation = {
  ocspResponses: [
    {
      der: await ocspAbout(issued, issuing, { signer: responder }),
      ...{ certificate, signer: responder.certificate },
    },
  ],
  ...{ crls: [], complete: true, problems: [], publicProblems: [] },
}
const authorityData: RevocationInformation = {
  ...{
    ocspResponses: [],
    crls: [await timestampIssuing.crl({ extensions: CRL_EXTENSIONS })],
    complete: true,
  },
  ...{ problems: [], publicProblems: [] },
}

interface Play {
  readonly container?: Partial<ContainerConfiguration>
  /** About the signer's chain, and about that of the timestamp authority. */
  readonly data?: readonly [RevocationInformation, RevocationInformation]
  /** Whether the timestamp authority answers; true by default. */
  readonly answers?: boolean
  readonly client?: Client
}

/** Signs, and tells how often the HSM and the timestamp authority were asked. */
async function sign(level: Level, { container, data, answers = true, client }: Play = {}) {
  const [ofSigner, ofAuthority] = data ?? [signerData, authorityData]
  const asked = { hsm: 0, authority: 0 }
  const context: SigningContext = {
    signer: {
      container: { ...DEFAULT_CONTAINER, level: 'b-lt', ...container },
      sources: {
        revocations: {
          revoked: () => undefined,
          information: (path) => (path === signerCertificate.path ? ofSigner : ofAuthority),
        },
        timestamper: {
          timestamp: async () => {
            asked.authority += 1
            if (!answers) {
              client?.leave()
              throw new TIMESTAMP_UNAVAILABLE('no answer')
            }
            return { token, path: timestampPath, time: new Date() }
          },
          anchoredPaths: () => [timestampPath],
          ...REST_OF_TIMESTAMPER,
        },
      },
      validCertificate: () => signerCertificate,
      sign: async () => {
        asked.hsm += 1
        return SIGNATURE
      },
    },
    options: { deadline: performance.now() + 20_000, ...(client && { client }) },
  }
  const signed = { digest: Buffer.alloc(32), message }
  const made = signAtLevel({ signerCertificate, hashAlgorithm, signed, level }, context)
  return made.then(
    (made) => ({ made, asked, error: undefined }),
    (error: Error & { code?: string }) => ({ made: undefined, asked, error }),
  )
}

const fallback = (fallback: 'refuse' | 'b-b') => ({
  timestamps: { authorities: [], fallback } as unknown as NonNullable<ContainerConfiguration['timestamps']>,
})

t.test('each level asks for no more than it takes, whatever the level of the signer', async (t) => {
  const bb = await sign('b-b')
  t.same(bb, {
    made: { signature: SIGNATURE, level: 'b-b' },
    asked: { hsm: 1, authority: 0 },
    error: undefined,
  })
  const bt = await sign('b-t', { data: [NOTHING, NOTHING] })
  t.same(bt.made, { signature: SIGNATURE, timestampToken: token, level: 'b-t' })
  const blt = await sign('b-lt')
  t.match(blt.made, { level: 'b-lt', shortfall: undefined, evidence: { covered: [signerCertificate.path] } })
  t.same(blt.asked, { hsm: 1, authority: 1 })
})

t.test(
  'at b-lt the token has what is about its authority, and the evidence what is about the signer',
  async (t) => {
    const { made } = await sign('b-lt')
    const timestampToken = made?.timestampToken as Buffer
    t.ok(timestampToken.includes(authorityData.crls[0] as Buffer))
    t.same(made?.evidence?.values?.crls, [])
    t.equal(made?.evidence?.values?.ocspResponses.length, 1)
    const trustAnchors = timestampRoot.issued.certificateFile
    const { valid, message } = await verifyTimestamp({ token: timestampToken, data: SIGNATURE, trustAnchors })
    t.ok(valid, message)
  },
)

t.test('CRLs about the signer are in the token, too, since the SDK has no room for them', async (t) => {
  const ofSigner = { ...signerData, crls: [await issuing.crl({ extensions: CRL_EXTENSIONS })] }
  for (const ofAuthority of [authorityData, { ...authorityData, crls: [] }]) {
    const { made } = await sign('b-lt', { data: [ofSigner, ofAuthority] })
    const found = readSignedData(made?.timestampToken as Buffer)
    t.same(found.crls, [...ofAuthority.crls, ...ofSigner.crls])
    t.same(found.ocspResponses, [], 'OCSP responses have their place in the document')
    t.same(made?.evidence?.values?.crls, ofSigner.crls)
  }
})

t.test('chains about which there is nothing to know leave all as it is', async (t) => {
  const rootsAlone = { ...NOTHING, complete: true, problems: [], publicProblems: [] }
  const { made } = await sign('b-lt', { data: [rootsAlone, rootsAlone] })
  t.match(made, { level: 'b-lt', timestampToken: token, evidence: { values: undefined } })
})

t.test('where the timestamp authority is away', async (t) => {
  for (const level of ['b-t', 'b-lt'] as const) {
    const refused = await sign(level, { answers: false, container: fallback('refuse') })
    t.match(refused.error, { code: 'TIMESTAMP_UNAVAILABLE', statusCode: 503 })
    const lower = await sign(level, { answers: false, container: fallback('b-b') })
    t.match(lower.made, { signature: SIGNATURE, level: 'b-b', shortfall: 'TIMESTAMP_UNAVAILABLE' })
    t.notOk(lower.made?.timestampToken)
  }
})

t.test('where revocation data are missing', async (t) => {
  async function check(t: Test, data: NonNullable<Play['data']>, asked: object) {
    const refused = await sign('b-lt', { data })
    t.match(refused.error, {
      code: 'REVOCATION_UNAVAILABLE',
      statusCode: 503,
      message: /CN=x: no answer that counts/,
    })
    t.notMatch(refused.error?.message, /127/, 'callers are told no addresses')
    t.same(refused.asked, asked)
    const lower = await sign('b-lt', { data, container: { revocationFallback: 'b-t' } })
    t.match(lower.made, { level: 'b-t', shortfall: 'REVOCATION_UNAVAILABLE' })
    t.equal(lower.made?.timestampToken?.equals(token), data[1] === NOTHING)
  }
  t.test('about the signer the HSM is left alone', (t) =>
    check(t, [NOTHING, authorityData], { hsm: 0, authority: 0 }),
  )
  t.test('about the authority it is known only after its answer', (t) =>
    check(t, [signerData, NOTHING], { hsm: 1, authority: 1 }),
  )
})

t.test('CRLs above the limit are refused, those about the signer before anything is signed', async (t) => {
  const container = { sizeLimit: 100 }
  const large = { ...signerData, crls: [Buffer.alloc(60, 1), Buffer.alloc(60, 2)] }
  const first = await sign('b-lt', { container, data: [large, authorityData] })
  t.match(first.error, {
    code: 'CONTAINER_TOO_LARGE',
    message: /^The container has at least 120 bytes, more than the 100 /,
  })
  t.same(first.asked, { hsm: 0, authority: 0 })
  const second = await sign('b-lt', { container })
  t.match(second.error, { code: 'CONTAINER_TOO_LARGE' })
  t.same(second.asked, { hsm: 1, authority: 1 })
  t.match((await sign('b-t', { container, data: [large, authorityData] })).made, { level: 'b-t' })
})

t.test('CRLs above the limit are left out where the level may be lower', async (t) => {
  const container = { sizeLimit: 100, revocationFallback: 'b-t' } as const
  const large = { ...signerData, crls: authorityData.crls }
  for (const data of [
    [large, NOTHING],
    [NOTHING, authorityData],
  ] as const) {
    const { made } = await sign('b-lt', { container, data })
    t.match(made, { level: 'b-t', shortfall: 'REVOCATION_UNAVAILABLE' })
    t.same(made?.timestampToken, token, 'it holds no CRL')
  }
})

t.test('a client that leaves gets nothing, however low the level may be', async (t) => {
  const { error } = await sign('b-t', { answers: false, container: fallback('b-b'), client: new Client() })
  t.match(error, { code: 'TIMESTAMP_UNAVAILABLE', message: /nobody waits for it any more/ })
})
