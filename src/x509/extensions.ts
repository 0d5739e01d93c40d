/** Reads the extensions of certificates, CRLs, CRL entries and OCSP responses (RFC 5280 4.1, RFC 6960 4.4). */
import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'

export interface Extension {
  readonly critical: boolean
  /** DER in the OCTET STRING extnValue. */
  readonly value: Buffer
}

/** Extensions keyed by their dotted object identifiers. */
export type Extensions = ReadonlyMap<string, Extension>

/**
 * Reads the extensions in an explicit tag.
 *
 * @param wrapper content of the tag; undefined without extensions
 * @throws Error when it is not one SEQUENCE OF Extension, or has an extension twice
 */
export function readExtensions(wrapper: DerReader | undefined): Extensions {
  const list = wrapper?.enter(TAG.sequence)
  wrapper?.finish()
  return readExtensionList(list)
}

/**
 * Reads the extensions in a list.
 *
 * @param list content of the SEQUENCE OF Extension; undefined without extensions
 * @throws Error when an element is not an Extension, or an extension is there twice
 */
export function readExtensionList(list: DerReader | undefined): Extensions {
  const extensions = new Map<string, Extension>()
  for (const encoded of list?.elements() ?? []) {
    const extension = new DerReader(encoded).enter(TAG.sequence)
    const id = extension.objectIdentifier()
    // DER leaves out FALSE, the default, but some issuers write it
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

/** Names a critical extension that is not among those that are understood (RFC 5280 4.2). */
export function findUnknownCritical(
  extensions: Extensions,
  understood: readonly string[],
): string | undefined {
  const [id] = [...extensions].find(([id, { critical }]) => critical && !understood.includes(id)) ?? []
  return id && `it has a critical extension that is not supported, ${id}`
}
