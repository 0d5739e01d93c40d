import type { X509Certificate } from 'node:crypto'
import t from 'tap'
import {
  gatherEvidence,
  type OcspEvidence,
  type RevocationInformation,
} from '../../src/revocation/revocation-information.ts'

/** Of paths that stand for what is known of them: nothing of a path is looked at. */
function gather(...known: Partial<RevocationInformation>[]) {
  const paths = known.map((): readonly X509Certificate[] => [])
  const information = (path: readonly X509Certificate[]): RevocationInformation => ({
    ...{ ocspResponses: [], crls: [], complete: true, problems: [], publicProblems: [] },
    ...known[paths.indexOf(path)],
  })
  const { covered, ...evidence } = gatherEvidence(paths, { information })
  return { ...evidence, covered: covered.map((path) => paths.indexOf(path)) }
}

/** A response about some certificate. */
function about(der: Buffer): OcspEvidence {
  const some = {} as X509Certificate
  return { der, certificate: some, signer: some }
}

const [first, second, crl] = ['first', 'second', 'crl'].map((text) => Buffer.from(text)) as [
  Buffer,
  Buffer,
  Buffer,
]

t.test('what is known of several paths, each once', async (t) => {
  t.same(
    gather(
      { ocspResponses: [about(first)], crls: [crl] },
      { ocspResponses: [about(second), about(first)], crls: [crl] },
    ),
    {
      values: { ocspResponses: [first, second], crls: [crl] },
      ocspResponses: [first, second, first].map(about),
      problems: [],
      publicProblems: [],
      covered: [0, 1],
    },
  )
})

t.test('a path of which something is missing, or revoked, brings nothing', async (t) => {
  const revoked = { subject: 'CN=A', at: new Date(), reason: 'key compromise' }
  t.same(
    gather(
      {
        ocspResponses: [about(first)],
        complete: false,
        problems: ['CN=B: http://b: failed'],
        publicProblems: ['CN=B: no answer'],
      },
      { ocspResponses: [about(second)], revoked },
      { crls: [crl] },
    ),
    {
      values: { ocspResponses: [], crls: [crl] },
      ocspResponses: [],
      problems: ['CN=B: http://b: failed', 'CN=A: it was revoked (key compromise)'],
      publicProblems: ['CN=B: no answer', 'CN=A: it was revoked (key compromise)'],
      covered: [2],
    },
  )
})

t.test('self-signed certificates need none', async (t) => {
  t.same(gather({}), { values: undefined, ocspResponses: [], problems: [], publicProblems: [], covered: [0] })
})
