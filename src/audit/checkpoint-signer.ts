/** Signs checkpoints with the key of a signer, as CAdES containers. */
import { digest, SHA_1, SHA_256 } from '../algorithms/hash-algorithms.ts'
import type { Signer } from '../signers/signer.ts'
import type { Signers } from '../signers/signers.ts'
import { createContainer } from '../signing/create-container.ts'
import type { CheckpointSigner } from './audit-log.ts'

/** Time for a signature and its timestamp, in ms. The end of the service waits for the last one. */
const TIMEOUT_MS = 4_000

/**
 * Returns what signs checkpoints with the signer of a name, as it is then: a reload may have replaced it. Containers have
 * a timestamp if the signer has an authority, and none while that is away. Revocation data would make them large.
 */
export function createCheckpointSigner(signers: Pick<Signers, 'all'>, name: string): CheckpointSigner {
  const find = () => signers.all().find((signer) => signer.name === name)
  return {
    get isReady() {
      return find()?.status().state === 'ready'
    },
    async sign(statement) {
      // It is there: one that a reload has removed is not ready
      const signer = find() as Signer
      // Nobody would believe a checkpoint with SHA-1, which callers may be allowed to ask for
      const hashAlgorithm = signer.rules.hashAlgorithms.find((hash) => hash !== SHA_1) ?? SHA_256
      const request = {
        ...({ type: 'cades', overFile: true, hashAlgorithm } as const),
        messageDigest: digest(hashAlgorithm, statement),
      }
      const options = { deadline: performance.now() + TIMEOUT_MS }
      const { der } = await createContainer(request, { signer: withoutRevocationData(signer), options })
      return { signer: name, signature: der.toString('base64') }
    },
  }
}

function withoutRevocationData(signer: Signer): Parameters<typeof createContainer>[1]['signer'] {
  const { level, timestamps, ...rest } = signer.container
  return {
    container: {
      ...rest,
      level: level === 'b-lt' ? 'b-t' : level,
      ...(timestamps && { timestamps: { ...timestamps, fallback: 'b-b' } }),
    },
    sources: signer.sources,
    validCertificate: () => signer.validCertificate(),
    sign: (...parameters) => signer.sign(...parameters),
  }
}
