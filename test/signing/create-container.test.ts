import type { X509Certificate } from 'node:crypto'
import t from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { VARIABLE_SETTINGS } from '../../src/configuration/read-signer.ts'
import { certificateFromFiles } from '../../src/configuration/signer-certificate.ts'
import type { SignerCertificate } from '../../src/configuration/signer-configuration.ts'
import { type ContainerRequest, createContainer } from '../../src/signing/create-container.ts'
import type { TimestampLimits } from '../../src/timestamp/timestamper.ts'
import { issue } from '../support/certificates.ts'
import { DEFAULT_CONTAINER } from '../support/container-configuration.ts'
import { RevocationAuthority } from '../support/revocation-authority.ts'
import { REST_OF_TIMESTAMPER } from '../support/timestamper.ts'

const directory = t.testdir()
const [before, after] = ['before', 'after'].map(
  (name) => issue(directory, { subject: `/CN=${name}` }).certificate,
) as [X509Certificate, X509Certificate]
const hashAlgorithm = findHashAlgorithm('sha256') as HashAlgorithm

function signerOf(certificate: X509Certificate): SignerCertificate {
  const configured = { certificates: [certificate], caCertificates: [], settings: VARIABLE_SETTINGS }
  return certificateFromFiles({ ...configured, container: DEFAULT_CONTAINER }) as SignerCertificate
}

t.test(
  'a certificate that is replaced while a container is made is not mixed with its successor',
  async (t) => {
    let current = signerOf(before)
    const signedFor: SignerCertificate[] = []
    const nothing = { ocspResponses: [], crls: [], complete: false, problems: [], publicProblems: [] }
    const signer = {
      container: DEFAULT_CONTAINER,
      sources: { revocations: { revoked: () => undefined, information: () => nothing } },
      validCertificate: () => {
        const signerCertificate = current
        current = signerOf(after)
        return signerCertificate
      },
      sign: async (signerCertificate: SignerCertificate) => {
        signedFor.push(signerCertificate)
        return Buffer.alloc(70)
      },
    }
    const { der, level } = await createContainer(
      { type: 'cms', hashAlgorithm, messageDigest: Buffer.alloc(32) },
      { signer, options: { deadline: 0 } },
    )
    t.equal(level, 'b-b')
    t.same(
      signedFor.map(({ certificate }) => certificate.subject),
      ['CN=before'],
    )
    t.ok(der.includes(before.raw), 'the certificate of the same signer is embedded')
    t.notOk(der.includes(after.raw))
  },
)

t.test('containers are of level b-lt only where they hold what is about the timestamp too', async (t) => {
  const path = [after]
  const timestamp = { token: Buffer.from('0500', 'hex'), path, time: new Date() }
  const known = { ocspResponses: [], crls: [], complete: true, problems: [], publicProblems: [] }
  const signerCertificate = signerOf(before)
  const make = (
    form: Pick<ContainerRequest, 'type' | 'overFile'>,
    revocationFallback: 'refuse' | 'b-t',
    anchoredPaths = [] as (typeof path)[],
  ) => {
    const signer = {
      container: { ...DEFAULT_CONTAINER, level: 'b-lt', revocationFallback } as const,
      sources: {
        revocations: { revoked: () => undefined, information: () => known },
        timestamper: {
          timestamp: async () => timestamp,
          anchoredPaths: () => anchoredPaths,
          ...REST_OF_TIMESTAMPER,
        },
      },
      validCertificate: () => signerCertificate,
      sign: async () => Buffer.alloc(70),
    }
    const options = { deadline: performance.now() + 20_000 }
    return createContainer({ ...form, hashAlgorithm, messageDigest: Buffer.alloc(32) }, { signer, options })
  }
  for (const form of [{ type: 'cms' }, { type: 'cades' }, { type: 'cms', overFile: true }] as const) {
    await t.rejects(make(form, 'refuse'), {
      code: 'REVOCATION_UNAVAILABLE',
      message: /the timestamp authority has sent other certificates than before; try again in a moment$/,
    })
    t.match(await make(form, 'b-t'), { level: 'b-t', shortfall: 'REVOCATION_UNAVAILABLE' })
    t.match(await make(form, 'refuse', [path]), { level: 'b-lt', shortfall: undefined })
  }
  const overFile = { type: 'cades', overFile: true } as const
  t.match(await make(overFile, 'refuse'), { level: 'b-lt', shortfall: undefined }, 'it is not signed')
})

t.test('a timestamp has to be of a time at which the certificates of the signer are valid', async (t) => {
  const signerCertificate = signerOf(before)
  const problems: (string | undefined)[] = []
  const signer = {
    container: { ...DEFAULT_CONTAINER, level: 'b-t' } as const,
    sources: {
      revocations: { revoked: () => undefined, information: () => t.fail('nobody asks') as never },
      timestamper: {
        timestamp: async (_: Uint8Array, { findTimeProblem }: TimestampLimits) => {
          problems.push(...[new Date(), new Date('2000-01-01')].map((time) => findTimeProblem?.(time)))
          return { token: Buffer.from('0500', 'hex'), path: [after], time: new Date() }
        },
        anchoredPaths: () => [],
        ...REST_OF_TIMESTAMPER,
      },
    },
    validCertificate: () => signerCertificate,
    sign: async () => Buffer.alloc(70),
  }
  const options = { deadline: performance.now() + 20_000 }
  const request = { type: 'cades', hashAlgorithm, messageDigest: Buffer.alloc(32) } as const
  t.equal((await createContainer(request, { signer, options })).level, 'b-t')
  t.match(problems, [undefined, /^The certificate of CN=before is not valid before /])
})

t.test('evidence about the signer that is gone when the timestamp has come', async (t) => {
  const signerCertificate = signerOf(before)
  for (const revocationFallback of ['refuse', 'b-t'] as const) {
    const path = [after]
    let isSigned = false
    const signer = {
      container: { ...DEFAULT_CONTAINER, level: 'b-lt', revocationFallback } as const,
      sources: {
        revocations: {
          revoked: () => undefined,
          information: (asked: readonly X509Certificate[]) => ({
            ...{ ocspResponses: [], crls: [], problems: [], publicProblems: ['CN=before: gone'] },
            complete: !isSigned || asked === path,
          }),
        },
        timestamper: {
          timestamp: async () => ({ token: Buffer.from('0500', 'hex'), path, time: new Date() }),
          anchoredPaths: () => [path],
          ...REST_OF_TIMESTAMPER,
        },
      },
      validCertificate: () => signerCertificate,
      sign: async () => {
        isSigned = true
        return Buffer.alloc(70)
      },
    }
    const options = { deadline: performance.now() + 20_000 }
    const request = { type: 'cades', overFile: true, hashAlgorithm, messageDigest: Buffer.alloc(32) } as const
    const made = createContainer(request, { signer, options })
    if (revocationFallback === 'refuse') {
      await t.rejects(made, { code: 'REVOCATION_UNAVAILABLE', message: /CN=before: gone$/ })
    } else {
      t.match(await made, { level: 'b-t', shortfall: 'REVOCATION_UNAVAILABLE' })
    }
  }
})

t.test('what CRLs alone make too large is refused before anything is built of them', async (t) => {
  const signerCertificate = signerOf(before)
  const container = { ...DEFAULT_CONTAINER, level: 'b-lt' as const, sizeLimit: 4096 }
  const crls = [Buffer.alloc(3000, 1), Buffer.alloc(3000, 2)]
  const information = () => ({ ocspResponses: [], crls, complete: true, problems: [], publicProblems: [] })
  const signer = {
    container,
    sources: { revocations: { revoked: () => undefined, information } },
    validCertificate: () => signerCertificate,
    sign: async () => Buffer.from(`${t.fail('the HSM is asked')}`),
  }
  for (const type of ['cms', 'cades'] as const) {
    await t.rejects(
      createContainer(
        { type, hashAlgorithm, messageDigest: Buffer.alloc(32) },
        { signer, options: { deadline: 0 } },
      ),
      { code: 'CONTAINER_TOO_LARGE', message: /^The container has at least 6000 bytes, more than the 4096 / },
      type,
    )
  }
})

t.test('CRLs without room are left out, unless the signer needs them and the level is fixed', async (t) => {
  const issued = issue(directory, { subject: '/CN=issuer', ca: true })
  const crlWith = (entries: number) => {
    const authority = new RevocationAuthority(directory, issued)
    for (let number = 1; number <= entries; number++) {
      authority.revoke({ serialNumber: number.toString(16).padStart(32, '7') }, new Date())
    }
    return authority.crl()
  }
  const [small, other, large] = (await Promise.all([crlWith(1), crlWith(2), crlWith(1500)])) as [
    Buffer,
    Buffer,
    Buffer,
  ]
  // It fits alone, but not beside the certificates, the signature and a timestamp
  const nearly = (await crlWith(10)) as Buffer
  const limit = { small: nearly.length + 100, normal: 32_768 }
  t.ok(large.length > limit.normal)
  const signerCertificate = signerOf(before)
  const [first, spare] = [[after], [issued.certificate]] as const
  const make = async (
    form: Pick<ContainerRequest, 'type' | 'overFile'>,
    revocationFallback: 'refuse' | 'b-t',
    crls: { readonly signer: Buffer; readonly first: Buffer; readonly spare: Buffer },
    sizeLimit = limit.normal,
  ) => {
    const about = (path: readonly X509Certificate[]) =>
      path === signerCertificate.path ? crls.signer : path === first ? crls.first : crls.spare
    let signatures = 0
    const signer = {
      container: { ...DEFAULT_CONTAINER, level: 'b-lt', revocationFallback, sizeLimit } as const,
      sources: {
        revocations: {
          revoked: () => undefined,
          information: (path: readonly X509Certificate[]) => ({
            ...{ ocspResponses: [], crls: [about(path)], complete: true, problems: [], publicProblems: [] },
          }),
        },
        timestamper: {
          timestamp: async () => ({ token: Buffer.from('0500', 'hex'), path: first, time: new Date() }),
          anchoredPaths: () => [first, spare],
          ...REST_OF_TIMESTAMPER,
        },
      },
      validCertificate: () => signerCertificate,
      sign: async () => {
        signatures += 1
        return Buffer.alloc(70)
      },
    }
    const options = { deadline: performance.now() + 20_000 }
    const request = { ...form, hashAlgorithm, messageDigest: Buffer.alloc(32) }
    return createContainer(request, { signer, options }).then(
      (made) => ({ made, signatures, error: undefined }),
      (error: Error) => ({ made: undefined, signatures, error }),
    )
  }
  const forms = [{ type: 'cms' }, { type: 'cades' }, { type: 'cades', overFile: true }] as const
  for (const form of forms) {
    for (const fallback of ['refuse', 'b-t'] as const) {
      const { made } = await make(form, fallback, { signer: small, first: other, spare: large })
      t.match(made, { level: 'b-lt', shortfall: undefined }, 'a spare authority hinders nobody')
      t.ok(made?.der.includes(small))
      t.ok(made?.der.includes(other))
      t.notOk(made?.der.includes(large))
    }
    const ofAuthority = { signer: small, first: large, spare: other }
    const lower = await make(form, 'b-t', ofAuthority)
    t.match(lower.made, { level: 'b-t', shortfall: 'REVOCATION_UNAVAILABLE' })
    t.ok(lower.made?.der.includes(small))
    const ofSigner = { signer: large, first: other, spare: other }
    t.match(await make(form, 'refuse', ofSigner), {
      error: {
        code: 'CONTAINER_TOO_LARGE',
        message: new RegExp(`^The container has at least ${large.length} bytes, `),
      },
      signatures: 0,
    })
    t.match((await make(form, 'b-t', ofSigner)).made, { level: 'b-t', shortfall: 'REVOCATION_UNAVAILABLE' })
  }
  const pdf = { type: 'cms' } as const
  t.match((await make(pdf, 'refuse', { signer: small, first: large, spare: other })).error, {
    code: 'REVOCATION_UNAVAILABLE',
    message: new RegExp(`CN=after: its CRLs .* ${large.length} bytes, for which CONTAINER_SIZE_LIMIT leaves`),
  })
  const tight = { signer: nearly, first: nearly, spare: nearly }
  const bare = await make(pdf, 'b-t', tight, limit.small + 3_000)
  t.match(bare.made, { level: 'b-t', shortfall: 'REVOCATION_UNAVAILABLE' }, 'certificates take room too')
})

t.test('small revocation data are embedded where the proven ones have no room', async (t) => {
  const signerCertificate = signerOf(before)
  const [ocsp, other] = [Buffer.alloc(1_000, 1), Buffer.alloc(1_000, 2)]
  const path = [after]
  const make = (crlLength: number, ofAuthority?: Buffer) => {
    const crl = Buffer.alloc(crlLength, 3)
    const information = (asked: readonly X509Certificate[], _?: Date, preferred = 'proven') => {
      const whole = { complete: true, problems: [], publicProblems: [] }
      if (asked === path && ofAuthority !== undefined) {
        return { ...whole, ocspResponses: [], crls: [ofAuthority] }
      }
      const der = asked === path ? other : ocsp
      const response = { der, certificate: before, signer: before }
      const found =
        preferred === 'small' ? { ocspResponses: [response], crls: [] } : { ocspResponses: [], crls: [crl] }
      return { ...whole, ...found }
    }
    const timestamper = {
      timestamp: async () => ({ token: Buffer.from('0500', 'hex'), path, time: new Date() }),
      anchoredPaths: () => [path],
      ...REST_OF_TIMESTAMPER,
    }
    const signer = {
      container: { ...DEFAULT_CONTAINER, level: 'b-lt' } as const,
      sources: { revocations: { revoked: () => undefined, information }, timestamper },
      validCertificate: () => signerCertificate,
      sign: async () => Buffer.alloc(70),
    }
    const request = { type: 'cades', hashAlgorithm, messageDigest: Buffer.alloc(32) } as const
    return createContainer(request, { signer, options: { deadline: performance.now() + 20_000 } })
  }
  const { evidence: proven } = await make(10_000)
  t.match(proven?.values, { ocspResponses: [], crls: [Buffer.alloc(10_000, 3)] })
  const { evidence: small, level } = await make(100_000)
  t.strictSame([small?.values, level], [{ ocspResponses: [ocsp, other], crls: [] }, 'b-lt'])
  const ofAuthority = Buffer.alloc(15_000, 4)
  const { evidence: both } = await make(20_000, ofAuthority)
  t.strictSame(both?.values, { ocspResponses: [ocsp], crls: [ofAuthority] }, 'for both there is room so')
})

t.test(
  'the revocation data of any number of units of an authority leave room for its timestamp',
  async (t) => {
    const signerCertificate = signerOf(before)
    const octets = (length: number, value: number) =>
      encode(TAG.sequence, encode(TAG.octetString, Buffer.alloc(length, value)))
    const token = octets(6_000, 0)
    const units = Array.from({ length: 32 }, () => [after])
    const responses = new Map(units.map((path, index) => [path, octets(100 * index, index + 1)]))
    const own = octets(2_000, 99)
    for (const form of [{ type: 'cms' }, { type: 'cades' }] as const) {
      for (const revocationFallback of ['refuse', 'b-t'] as const) {
        for (let sizeLimit = 30_000; sizeLimit < 33_000; sizeLimit += 50) {
          const signer = {
            container: { ...DEFAULT_CONTAINER, level: 'b-lt', revocationFallback, sizeLimit } as const,
            sources: {
              revocations: {
                revoked: () => undefined,
                information: (path: readonly X509Certificate[]) => {
                  const der = responses.get(path as X509Certificate[]) ?? own
                  const ocspResponses = [{ der, certificate: after, signer: after }]
                  return { ocspResponses, crls: [], complete: true, problems: [], publicProblems: [] }
                },
              },
              timestamper: {
                timestamp: async () => ({ token, path: units[0] as X509Certificate[], time: new Date() }),
                anchoredPaths: () => units,
                ...{ ...REST_OF_TIMESTAMPER, largestToken: token.length },
              },
            },
            validCertificate: () => signerCertificate,
            sign: async () => Buffer.alloc(70),
          }
          const options = { deadline: performance.now() + 20_000 }
          const request = { ...form, hashAlgorithm, messageDigest: Buffer.alloc(32) }
          const { level } = await createContainer(request, { signer, options })
          if (level !== 'b-lt') {
            t.fail(`${level} in ${sizeLimit}`)
          }
        }
      }
    }
  },
)
