import * as asn1js from 'asn1js'
import { isInteger } from '../asn1/der-reader.ts'
import { ANY_POLICY, EXTENSION, type Extensions } from './extensions.ts'

/** A type in the notation of asn1js. Those of pkijs refuse values that OpenSSL reads, such as a minimum in a GeneralSubtree. */
type Schema = Parameters<typeof asn1js.verifySchema>[1]

const ANY = new asn1js.Any()
const OBJECT_IDENTIFIER = new asn1js.ObjectIdentifier()
const BIT_STRING = new asn1js.BitString()

/** AttributeTypeAndValue (RFC 5280 4.1.2.4), with the types of values that OpenSSL reads in it and that names have (`ASN1_PRINTABLE`). */
const ATTRIBUTE = sequence([
  OBJECT_IDENTIFIER,
  new asn1js.Choice({
    value: [
      new asn1js.Utf8String(),
      new asn1js.PrintableString(),
      new asn1js.IA5String(),
      new asn1js.TeletexString(),
      new asn1js.BmpString(),
      new asn1js.UniversalString(),
      new asn1js.NumericString(),
      BIT_STRING,
      new asn1js.Sequence(),
    ],
  }),
])
const NAME = sequence([repeated(new asn1js.Set({ value: [repeated(ATTRIBUTE)] }))])

/**
 * GeneralName (RFC 5280 4.2.1.6). A Name is a CHOICE, and so its tag stands before all of it. What is in addresses and names of the
 * rarer forms does not matter.
 */
const GENERAL_NAME = new asn1js.Choice({
  value: [
    constructed(0, [OBJECT_IDENTIFIER, constructed(0, [ANY])]),
    ...[1, 2, 6, 7, 8].map((tagNumber) => primitive(tagNumber)),
    constructed(3, [repeated(ANY)]),
    constructed(4, [NAME]),
    constructed(5, [constructed(0, [ANY], true), constructed(1, [ANY])]),
  ],
})
const GENERAL_NAMES = [repeated(GENERAL_NAME)]

/** GeneralSubtree (RFC 5280 4.2.1.10). */
const SUBTREE = sequence([GENERAL_NAME, primitive(0, true), primitive(1, true)])

/** DistributionPoint (RFC 5280 4.2.1.13). */
const DISTRIBUTION_POINT = sequence([
  constructed(
    0,
    [new asn1js.Choice({ value: [constructed(0, GENERAL_NAMES), constructed(1, [repeated(ATTRIBUTE)])] })],
    true,
  ),
  primitive(1, true),
  constructed(2, GENERAL_NAMES, true),
])

/** Types of extensions, keyed by their names. Of the rarest only the outermost type is checked. */
type ExtensionTypes = Readonly<Partial<Record<keyof typeof EXTENSION, Schema>>>

/**
 * Extensions that OpenSSL reads in each certificate of a path before all else (`ossl_x509v3_cache_extensions`). Where one is
 * malformed, no path with the certificate is valid, even if it is the root.
 */
export const READ_ALWAYS = {
  subjectKeyIdentifier: new asn1js.OctetString(),
  authorityKeyIdentifier: sequence([
    primitive(0, true),
    constructed(1, GENERAL_NAMES, true),
    primitive(2, true),
  ]),
  keyUsage: BIT_STRING,
  extendedKeyUsage: sequence([repeated(OBJECT_IDENTIFIER)]),
  basicConstraints: sequence([
    new asn1js.Boolean({ optional: true }),
    new asn1js.Integer({ optional: true }),
  ]),
  nameConstraints: sequence([
    constructed(0, [repeated(SUBTREE)], true),
    constructed(1, [repeated(SUBTREE)], true),
  ]),
  subjectAltName: sequence(GENERAL_NAMES),
  crlDistributionPoints: sequence([repeated(DISTRIBUTION_POINT)]),
  netscapeCertType: BIT_STRING,
  ipAddrBlocks: sequence([repeated(ANY)]),
  autonomousSysIds: sequence([repeated(ANY)]),
} satisfies ExtensionTypes

/** Extensions that validators read where they need them, such as those that check policies. */
const READ_BY_SOME = {
  // PolicyInformation (RFC 5280 4.2.1.4)
  certificatePolicies: sequence([
    repeated(sequence([OBJECT_IDENTIFIER, new asn1js.Sequence({ optional: true })])),
  ]),
  policyMappings: sequence([repeated(sequence([OBJECT_IDENTIFIER, OBJECT_IDENTIFIER]))]),
  policyConstraints: sequence([repeated(ANY)]),
  inhibitAnyPolicy: new asn1js.Integer(),
  issuerAltName: sequence(GENERAL_NAMES),
  authorityInfoAccess: sequence([repeated(sequence([OBJECT_IDENTIFIER, GENERAL_NAME]))]),
} satisfies ExtensionTypes

/** Extensions of CRLs (RFC 5280 5.2) that some validators read, whether they need them or not. */
const READ_IN_CRLS: ExtensionTypes = {
  authorityKeyIdentifier: READ_ALWAYS.authorityKeyIdentifier,
  issuerAltName: READ_BY_SOME.issuerAltName,
  authorityInfoAccess: READ_BY_SOME.authorityInfoAccess,
  freshestCrl: READ_ALWAYS.crlDistributionPoints,
  crlNumber: new asn1js.Integer(),
}

function sequence(value: Schema[]): asn1js.Sequence {
  return new asn1js.Sequence({ value })
}

function repeated(value: Schema): asn1js.Repeated {
  return new asn1js.Repeated({ value })
}

/** Describes an element with a context-specific tag. */
function primitive(tagNumber: number, optional = false): asn1js.Primitive {
  return new asn1js.Primitive({ optional, idBlock: { tagClass: 3, tagNumber } })
}

function constructed(tagNumber: number, value: Schema[], optional = false): asn1js.Constructed {
  return new asn1js.Constructed({ optional, idBlock: { tagClass: 3, tagNumber }, value })
}

/** Values of more octets are not checked: a hostile one of 15 kB takes 60 ms. Real ones have some hundreds. */
const MAX_LENGTH = 2_000

/**
 * Names the extensions because of which no validator that builds on OpenSSL takes a path: their values are not of their types (RFC
 * 5280 4.2). They are read as BER, as it does. Beside what it cannot read, strings in parts are named, which DER does not have (X.690
 * 10.2).
 */
export function findUnreadableExtensions(extensions: Extensions): string[] {
  return findExtensions(
    extensions,
    READ_ALWAYS,
    (value, type, name) => !isOfType(value, type) || isRefused(value, name),
  )
}

/** Names the malformed extensions that only some validators read, and those behind whose values other octets are. */
export function findDoubtfulExtensions(extensions: Extensions): string[] {
  return [
    ...findExtensions(
      extensions,
      READ_BY_SOME,
      (value, type, name) => !isOfType(value, type) || isFollowed(value) || isRefused(value, name),
    ),
    ...findExtensions(extensions, READ_ALWAYS, (value, type) => isOfType(value, type) && isFollowed(value)),
  ]
}

/** Names the malformed extensions of a CRL that only some validators read. */
export function findDoubtfulCrlExtensions(extensions: Extensions): string[] {
  return findExtensions(
    extensions,
    READ_IN_CRLS,
    (value, type) => !isOfType(value, type) || isFollowed(value),
  )
}

function findExtensions(
  extensions: Extensions,
  types: ExtensionTypes,
  isWrong: (value: Buffer, type: Schema, name: keyof typeof EXTENSION) => boolean,
): string[] {
  return (Object.entries(types) as [keyof typeof EXTENSION, Schema][])
    .filter(([name, type]) => {
      const value = extensions.get(EXTENSION[name])?.value
      return value !== undefined && value.length <= MAX_LENGTH && isWrong(value, type, name)
    })
    .map(([name]) => name)
}

type Block = asn1js.BaseBlock

/** Tags of fields of a DistributionPoint (RFC 5280 4.2.1.13). */
const REASONS_TAG = 1
const ISSUER_TAG = 2

/** Tells what validators refuse of values that are of their types. */
const REFUSED: Readonly<Partial<Record<keyof typeof EXTENSION, (value: Block) => boolean>>> = {
  // A path length is no negative number (RFC 5280 4.2.1.9), nor has it a zero too many, and asn1js reads a BOOLEAN of any length
  basicConstraints: (value) =>
    childrenOf(value).some(
      (one) =>
        (one instanceof asn1js.Integer && !isCount(one.valueBlock.valueHexView)) ||
        (one instanceof asn1js.Boolean && one.valueBlock.valueHexView.length !== 1),
    ),
  // A point names where the CRL is, or who issued it (4.2.1.13)
  crlDistributionPoints: (value) =>
    childrenOf(value).some((point) => {
      const named = childrenOf(point).filter(({ idBlock }) => idBlock.tagNumber !== REASONS_TAG)
      return named.every((field) => field.idBlock.tagNumber === ISSUER_TAG && childrenOf(field).length === 0)
    }),
  // Neither side of a mapping is anyPolicy (4.2.1.5)
  policyMappings: (value) =>
    childrenOf(value)
      .flatMap(childrenOf)
      .some((one) => (one as asn1js.ObjectIdentifier).getValue() === ANY_POLICY),
}

/** @param value one of its type */
function isRefused(value: Buffer, name: keyof typeof EXTENSION): boolean {
  return REFUSED[name]?.(asn1js.fromBER(value).result) === true
}

/** Returns whether the content of an INTEGER is a number that is not negative. */
function isCount(octets: Uint8Array): boolean {
  return isInteger(octets) && (octets[0] as number) < 0x80
}

/** @param block one that is constructed, as its type says */
function childrenOf(block: Block): readonly Block[] {
  return (block as asn1js.Constructed).valueBlock.value
}

/** Returns whether a value begins with an element of a type. */
function isOfType(value: Buffer, type: Schema): boolean {
  try {
    return asn1js.verifySchema(value, type).verified
  } catch {
    // asn1js throws at some strings, in place of returning an error
    return false
  }
}

/** Returns whether octets follow the element that a value begins with. OpenSSL passes over them, and EU DSS does not. */
function isFollowed(value: Buffer): boolean {
  return asn1js.fromBER(value).offset < value.length
}
