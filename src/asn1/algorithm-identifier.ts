import { DerReader } from './der-reader.ts'
import { TAG } from './tag.ts'

const NULL = Buffer.of(TAG.null, 0)

/** `AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }` (RFC 5280 4.1.1.2). */
export interface AlgorithmIdentifier {
  /** Dotted. */
  readonly oid: string
  /** DER; undefined where they are absent or NULL, which mean the same (RFC 4055 2.1 and 5, RFC 5754 2). */
  readonly parameters: Buffer | undefined
}

/**
 * @param der of the whole AlgorithmIdentifier
 * @throws Error when it is none
 */
export function readAlgorithmIdentifier(der: Buffer): AlgorithmIdentifier {
  const identifier = DerReader.enterOnly(der, TAG.sequence)
  const oid = identifier.objectIdentifier()
  const parameters = identifier.tag === undefined ? undefined : identifier.element()
  identifier.finish()
  // A NULL with contents (X.690 8.8.2) is none: who signs does not sign the outer identifier, where it could be of any size
  return { oid, parameters: parameters?.equals(NULL) ? undefined : parameters }
}

/** Compares two AlgorithmIdentifiers, DER, whichever way each of them says that it has no parameters. */
export function sameAlgorithm(one: Buffer, other: Buffer): boolean {
  const [first, second] = [one, other].map(readAlgorithmIdentifier) as [
    AlgorithmIdentifier,
    AlgorithmIdentifier,
  ]
  const none = Buffer.alloc(0)
  return first.oid === second.oid && (first.parameters ?? none).equals(second.parameters ?? none)
}
