/** What authorities sign, and whether they did: `SIGNED { ToBeSigned }` of X.509, which CRLs and OCSP answers are. */
import { constants, type KeyObject, verify } from 'node:crypto'
import * as pkijs from 'pkijs'
import type { DerReader } from '../../der/der-reader.ts'
import { TAG } from '../../der/tag.ts'
import { ECDSA } from '../../signature/ecdsa.ts'
import { HASH_ALGORITHMS } from '../../signature/hash-algorithms.ts'
import { ID_RSASSA_PSS, parsePssParameters } from '../../signature/pss-parameters.ts'
import { RSA_PKCS1 } from '../../signature/rsa-pkcs1.ts'

export interface SignedObject {
  /** DER, as it was signed. */
  readonly toBeSigned: Buffer
  /** DER AlgorithmIdentifier. */
  readonly algorithm: Buffer
  readonly signature: Buffer
}

/** How node:crypto is told of an algorithm. */
interface Verification {
  readonly nodeName: string
  readonly keyTypes: readonly string[]
  readonly options?: { readonly padding: number; readonly saltLength: number }
}

/** @param reader what is in the outer SEQUENCE; something may follow */
export function readSignedObject(reader: DerReader): SignedObject {
  const toBeSigned = reader.element(TAG.sequence)
  const algorithm = reader.element(TAG.sequence)
  return { toBeSigned, algorithm, signature: reader.bits() }
}

/**
 * What keeps the signature from being that of the key, in words; undefined where it is. Megabytes are hashed beside
 * the event loop.
 *
 * @param key undefined where it is of a kind that OpenSSL does not know
 */
export async function describeWrongSignature(
  { toBeSigned, algorithm, signature }: SignedObject,
  key: KeyObject | undefined,
): Promise<string | undefined> {
  const known = KNOWN.get(algorithm.toString('hex')) ?? readPss(algorithm)
  if (typeof known === 'string') {
    return known
  }
  const { nodeName, keyTypes, options } = known
  if (key === undefined || !keyTypes.includes(`${key.asymmetricKeyType}`)) {
    return 'its signature is not of the kind that the key makes'
  }
  const right = await new Promise((resolve) => {
    // An error says that the parameters of the key forbid this hash or salt (RFC 4055 1.2)
    verify(nodeName, toBeSigned, { key, ...options }, signature, (error, right) => resolve(!error && right))
  })
  return right ? undefined : 'its signature does not verify'
}

/** By their DER in hex. Without SHA-1, for which others than the issuer may find a second content. */
const KNOWN: ReadonlyMap<string, Verification> = new Map(
  HASH_ALGORITHMS.filter(({ name }) => name !== 'sha160').flatMap((hash) =>
    [RSA_PKCS1, ECDSA].map(({ keyTypes, certificateIdentifier }): [string, Verification] => {
      const der = certificateIdentifier(hash).toSchema().toBER()
      return [Buffer.from(der).toString('hex'), { nodeName: hash.nodeName, keyTypes }]
    }),
  ),
)

function readPss(algorithm: Buffer): Verification | string {
  const id = parseIdentifier(algorithm)
  if (id === undefined) {
    return 'its signature algorithm is none'
  }
  if (id.algorithmId !== ID_RSASSA_PSS) {
    return `its signature algorithm, ${id.algorithmId}, is not supported`
  }
  try {
    const { hash, saltLength } = parsePssParameters(id.algorithmParams)
    return hash.name === 'sha160'
      ? 'its signature is over a SHA-1 digest, which is not supported'
      : {
          nodeName: hash.nodeName,
          keyTypes: ['rsa', 'rsa-pss'],
          options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength },
        }
  } catch (error) {
    return (error as Error).message
  }
}

function parseIdentifier(algorithm: Buffer): pkijs.AlgorithmIdentifier | undefined {
  try {
    return pkijs.AlgorithmIdentifier.fromBER(algorithm)
  } catch {
    return undefined
  }
}
