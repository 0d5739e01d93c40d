import * as asn1js from 'asn1js'
import { EXTENSION, type Extensions } from './extensions.ts'

/** A type in the notation of asn1js. Those of pkijs refuse values that OpenSSL reads, such as a minimum in a GeneralSubtree. */
type Schema = Parameters<typeof asn1js.verifySchema>[1]

const ANY = new asn1js.Any()
const OBJECT_IDENTIFIER = new asn1js.ObjectIdentifier()
const BIT_STRING = new asn1js.BitString()

/** GeneralName (RFC 5280 4.2.1.6). What is in addresses and names of the rarer forms does not matter. */
const GENERAL_NAME = new asn1js.Choice({
  value: [
    constructed(0, [OBJECT_IDENTIFIER, constructed(0, [ANY])]),
    ...[1, 2, 6, 7, 8].map((tagNumber) => primitive(tagNumber)),
    ...[3, 4, 5].map((tagNumber) => constructed(tagNumber, [repeated(ANY)])),
  ],
})
const GENERAL_NAMES = [repeated(GENERAL_NAME)]

/** GeneralSubtree (RFC 5280 4.2.1.10). */
const SUBTREE = sequence([GENERAL_NAME, primitive(0, true), primitive(1, true)])

/** DistributionPoint (RFC 5280 4.2.1.13). */
const DISTRIBUTION_POINT = sequence([
  constructed(
    0,
    [new asn1js.Choice({ value: [constructed(0, GENERAL_NAMES), constructed(1, [repeated(ANY)])] })],
    true,
  ),
  primitive(1, true),
  constructed(2, GENERAL_NAMES, true),
])

/** Types of extensions, keyed by their names. Of the rarest only the outermost type is checked. */
export type ExtensionTypes = Readonly<Partial<Record<keyof typeof EXTENSION, Schema>>>

/**
 * Extensions that OpenSSL reads in each certificate of a path before all else (`ossl_x509v3_cache_extensions`). Where one is
 * malformed, no path with the certificate is valid, even if it is the root.
 */
export const READ_ALWAYS: ExtensionTypes = {
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
  proxyCertInfo: sequence([repeated(ANY)]),
  ipAddrBlocks: sequence([repeated(ANY)]),
  autonomousSysIds: sequence([repeated(ANY)]),
}

/** Extensions that validators read where they need them, such as those that check policies. */
export const READ_BY_SOME: ExtensionTypes = {
  certificatePolicies: sequence([repeated(ANY)]),
  policyMappings: sequence([repeated(ANY)]),
  policyConstraints: sequence([repeated(ANY)]),
  inhibitAnyPolicy: new asn1js.Integer(),
  authorityInfoAccess: sequence([repeated(sequence([OBJECT_IDENTIFIER, GENERAL_NAME]))]),
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
 * Names the extensions whose values are not of their types (RFC 5280 4.2). They are read as BER, as OpenSSL does. Beside
 * what it cannot read, strings in parts are named, which DER does not have (X.690 10.2).
 */
export function findMalformedExtensions(extensions: Extensions, types: ExtensionTypes): string[] {
  return Object.entries(types)
    .filter(([name, type]) => {
      const value = extensions.get(EXTENSION[name as keyof typeof EXTENSION])?.value
      return value !== undefined && value.length <= MAX_LENGTH && !isOfType(value, type)
    })
    .map(([name]) => name)
}

/** Returns whether a value begins with an element of a type. OpenSSL passes over what follows it. */
function isOfType(value: Buffer, type: Schema): boolean {
  try {
    return asn1js.verifySchema(value, type).verified
  } catch {
    // asn1js throws at some strings, in place of returning an error
    return false
  }
}
