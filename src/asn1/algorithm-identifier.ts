import { DerReader } from './der-reader.ts'
import { TAG } from './tag.ts'

const NULL = Buffer.of(TAG.null, 0)

/** `AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }` (RFC 5280 4.1.1.2). */
export interface AlgorithmIdentifier {
  /** Dotted object identifier. */
  readonly oid: string
  /** DER; undefined if absent or NULL, which mean the same (RFC 4055 2.1 and 5, RFC 5754 2). */
  readonly parameters: Buffer | undefined
}

/**
 * Reads an AlgorithmIdentifier.
 *
 * @param der the whole element
 * @throws Error when it is no AlgorithmIdentifier
 */
export function readAlgorithmIdentifier(der: Buffer): AlgorithmIdentifier {
  const identifier = DerReader.enterOnly(der, TAG.sequence)
  const oid = identifier.objectIdentifier()
  const parameters = identifier.tag === undefined ? undefined : identifier.element()
  identifier.finish()
  // A NULL must be empty (X.690 8.8.2): the outer identifier is not signed, so that anybody could fill one
  return { oid, parameters: parameters?.equals(NULL) ? undefined : parameters }
}

/** Compares two AlgorithmIdentifiers, DER. Absent parameters and NULL are the same. */
export function sameAlgorithm(one: Buffer, other: Buffer): boolean {
  const first = readAlgorithmIdentifier(one)
  const second = readAlgorithmIdentifier(other)
  const none = Buffer.alloc(0)
  return first.oid === second.oid && (first.parameters ?? none).equals(second.parameters ?? none)
}
