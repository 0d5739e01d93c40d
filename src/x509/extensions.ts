/** Extensions of certificates, CRLs, their entries, and OCSP answers, which are alike (RFC 5280 4.2, RFC 6960 4.4). */
import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'

export interface Extension {
  readonly critical: boolean
  /** DER. */
  readonly value: Buffer
}

/** By their dotted object identifiers. */
export type Extensions = ReadonlyMap<string, Extension>

/**
 * @param wrapper what is around the SEQUENCE OF Extension; none where there is no such field
 * @throws Error when it is something else
 */
export function readExtensions(wrapper: DerReader | undefined): Extensions {
  const list = wrapper?.enter(TAG.sequence)
  wrapper?.finish()
  return readExtensionList(list)
}

/** @param list what is in the SEQUENCE OF Extension */
export function readExtensionList(list: DerReader | undefined): Extensions {
  const extensions = new Map<string, Extension>()
  for (const encoded of list?.elements() ?? []) {
    const extension = new DerReader(encoded).enter(TAG.sequence)
    const id = extension.objectIdentifier()
    // FALSE is the default, which DER leaves out and some issuers write
    const critical = extension.tag === TAG.boolean && extension.content(TAG.boolean)[0] !== 0
    const value = extension.content(TAG.octetString)
    extension.finish()
    if (extensions.has(id)) {
      throw new Error(`it has the extension ${id} twice`)
    }
    extensions.set(id, { critical, value })
  }
  return extensions
}

/** Says which one is critical and not among those that are understood (RFC 5280 5.2); undefined where none is. */
export function findUnknownCritical(
  extensions: Extensions,
  understood: readonly string[],
): string | undefined {
  const [id] = [...extensions].find(([id, { critical }]) => critical && !understood.includes(id)) ?? []
  return id && `it has a critical extension that is not supported, ${id}`
}
