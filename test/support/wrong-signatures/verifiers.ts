/** Who takes a signature: what verifies the service's own, what verifies those of others, and OpenSSL's command. */
import { createHash, type KeyObject } from 'node:crypto'
import { AlgorithmIdentifier } from 'pkijs'
import type { HashAlgorithm } from '../../../src/algorithms/hash-algorithms.ts'
import { findSignatureProblem } from '../../../src/algorithms/received-signature.ts'
import { encodePssParameters, ID_RSASSA_PSS } from '../../../src/algorithms/rsa-pss.ts'
import type { SignatureAlgorithm } from '../../../src/algorithms/signature-algorithm.ts'
import { runTool } from '../validators/run-tool.ts'
import { withTemporaryFiles } from '../validators/temporary-files.ts'

export interface Signed {
  readonly publicKey: KeyObject
  readonly hash: HashAlgorithm
  readonly message: Uint8Array
}

/** @param signature as a token returns it */
export function ownTakes(algorithm: SignatureAlgorithm, signed: Signed, signature: Uint8Array): boolean {
  const { publicKey, hash, message } = signed
  const digest = createHash(hash.nodeName).update(message).digest()
  return algorithm.verify(publicKey, hash, { digest, message }, signature)
}

/** @param signature as containers have it */
export function foreignTakes(
  identifier: AlgorithmIdentifier,
  { publicKey, hash: hashAlgorithm, message }: Signed,
  signature: Uint8Array,
): boolean {
  const signatureAlgorithm = Buffer.from(identifier.toSchema().toBER())
  const foreign = { signatureAlgorithm, hashAlgorithm, publicKey, message, signature }
  return findSignatureProblem(foreign) === undefined
}

/** What says of a signature that it is one of RSASSA-PSS, whose salt has so many bytes. */
export function pssIdentifier(hash: HashAlgorithm, saltLength: number): AlgorithmIdentifier {
  const algorithmParams = encodePssParameters({ hash, saltLength })
  return new AlgorithmIdentifier({ algorithmId: ID_RSASSA_PSS, algorithmParams })
}

/**
 * @param signature as containers have it
 * @param options `-sigopt` of `openssl dgst`
 */
export function opensslTakes(signed: Signed, signature: Uint8Array, ...options: string[]): Promise<boolean> {
  const { publicKey, hash, message } = signed
  const key = publicKey.export({ type: 'spki', format: 'pem' })
  return withTemporaryFiles({ key, message, signature }, async (path) => {
    const sigopts = options.flatMap((option) => ['-sigopt', option])
    const files = ['-verify', path.key, '-signature', path.signature, path.message]
    const { stdout } = await runTool('openssl', ['dgst', `-${hash.nodeName}`, ...sigopts, ...files])
    return stdout === 'Verified OK\n'
  })
}
