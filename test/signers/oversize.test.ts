import t from 'tap'
import type { PreferredEvidence, RevocationInformation } from '../../src/revocation/revocation-information.ts'
import { findOversize } from '../../src/signers/oversize.ts'

type Arguments = Parameters<typeof findOversize>

const rules = { containers: ['pkcs7'] } as const
const container = { level: 'b-lt', sizeLimit: 1_000, revocationFallback: 'refuse' } as const
const signer = { container, rules }
const signerCertificate = { path: [], template: { certificatesLength: 400 } } as unknown as Arguments[1]
const known = { complete: true, ocspResponses: [], crls: [], problems: [], publicProblems: [] }

function knowing(of: (preferred: PreferredEvidence) => Partial<RevocationInformation>): Arguments[2] {
  return { information: (_path, _at, preferred = 'proven') => ({ ...known, ...of(preferred) }) }
}

const crl = (bytes: number) => ({ crls: [Buffer.alloc(bytes)] })

t.test('of what can be chosen the smaller counts', async (t) => {
  const choices = (proven: number, small: number) =>
    findOversize(
      signer,
      signerCertificate,
      knowing((preferred) => crl(preferred === 'proven' ? proven : small)),
    )
  t.equal(choices(600, 9_999), undefined)
  t.equal(choices(601, 600), undefined)
  t.match(choices(700, 601), /: chain and data have 1001 bytes, more than the 1000 that/)
  t.match(choices(601, 700), /: chain and data have 1001 bytes/)
})

t.test(
  'nothing is said of what is not complete, or need not be embedded, or of the chain alone',
  async (t) => {
    const large = knowing(() => crl(9_999))
    t.type(findOversize(signer, signerCertificate, large), 'string')
    t.equal(
      findOversize(
        signer,
        signerCertificate,
        knowing(() => ({ ...crl(9_999), complete: false })),
      ),
      undefined,
    )
    for (const other of [
      { container: { ...container, revocationFallback: 'b-t' }, rules },
      { container: { ...container, level: 'b-t' }, rules },
      { container: { ...container, sizeLimit: 399 }, rules },
      { container, rules: { containers: ['raw'] } },
    ] as const) {
      t.equal(findOversize(other, signerCertificate, large), undefined)
    }
  },
)
