/** Checks the names of certificates against the name constraints of an authority above (RFC 5280 4.2.1.10). */

import { DerReader } from '../asn1/der-reader.ts'
import { encode } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import type { CertificateFields } from './certificate-fields.ts'
import { DIRECTORY_NAME, RFC822_NAME } from './general-names.ts'
import { Subtrees, showName } from './name-subtrees.ts'
import { EXTENSION, ID_EMAIL_ADDRESS } from './object-identifiers.ts'

/** The minimum of a GeneralSubtree, which must be 0 (RFC 5280 4.2.1.10). */
const MINIMUM = contextTag(0, 'primitive')
const ZERO = Buffer.of(0)

/** Bases of subtrees, each a DER GeneralName. */
export interface NameConstraints {
  readonly permitted: readonly Buffer[]
  readonly excluded: readonly Buffer[]
}

/**
 * Reads the nameConstraints extension.
 *
 * @param value DER of the extension
 * @throws Error when it is malformed, or has a minimum other than 0 or a maximum, which RFC 5280 does not allow
 */
export function readNameConstraints(value: Buffer): NameConstraints {
  const constraints = DerReader.enterOnly(value, TAG.sequence)
  const permitted = readSubtrees(constraints.enterOptional(contextTag(0)))
  const excluded = readSubtrees(constraints.enterOptional(contextTag(1)))
  constraints.finish()
  return { permitted, excluded }
}

function readSubtrees(list: DerReader | undefined): Buffer[] {
  return (list?.elements() ?? []).map((element) => {
    const subtree = new DerReader(element).enter(TAG.sequence)
    const base = subtree.element()
    // DER leaves out 0, the default, but some authorities write it
    const minimum = subtree.optionalContent(MINIMUM)
    subtree.finish()
    if (minimum !== undefined && !minimum.equals(ZERO)) {
      throw new Error('it has a minimum, which RFC 5280 4.2.1.10 does not allow')
    }
    return base
  })
}

/**
 * Finds the first name of a certificate that the constraints do not allow, in words.
 *
 * @throws Error when a name of the certificate, or a constraint on names of its form, cannot be read
 */
export function findForbiddenName(
  fields: Pick<CertificateFields, 'subject' | 'extensions'>,
  { permitted, excluded }: NameConstraints,
): string | undefined {
  const [allowed, refused] = [new Subtrees(permitted), new Subtrees(excluded)]
  const forbidden = listNames(fields).find(
    (name) => refused.include(name) || (allowed.haveFormOf(name) && !allowed.include(name)),
  )
  return forbidden && showName(forbidden)
}

/**
 * Lists the names of a certificate as DER GeneralNames: its subject, the alternative names, and the e-mail addresses in
 * the subject, which OpenSSL compares even where there are alternative names.
 */
function listNames({ subject, extensions }: Pick<CertificateFields, 'subject' | 'extensions'>): Buffer[] {
  const alternative = extensions.get(EXTENSION.subjectAltName)
  const isEmpty = new DerReader(subject).enter(TAG.sequence).tag === undefined
  return [
    ...(isEmpty ? [] : [encode(DIRECTORY_NAME, subject)]),
    ...listEmailAddresses(subject).map((address) => encode(RFC822_NAME, address)),
    ...(alternative === undefined ? [] : new DerReader(alternative.value).enter(TAG.sequence).elements()),
  ]
}

function listEmailAddresses(subject: Buffer): Buffer[] {
  const attributes = new DerReader(subject)
    .enter(TAG.sequence)
    .elements()
    .flatMap((rdn) => new DerReader(rdn).enter(TAG.set).elements())
  return attributes.flatMap((encoded) => {
    const attribute = new DerReader(encoded).enter(TAG.sequence)
    const isEmail = attribute.objectIdentifier() === ID_EMAIL_ADDRESS
    return isEmail && attribute.tag !== undefined ? [attribute.content(attribute.tag)] : []
  })
}
