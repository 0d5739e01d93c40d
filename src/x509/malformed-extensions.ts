import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { EXTENSION, type Extensions } from './extensions.ts'

/** A type in the notation of asn1js. */
type Schema = Parameters<typeof asn1js.verifySchema>[1]

/** A SEQUENCE OF whatever it may be. */
const LIST = new asn1js.Sequence({ value: [repeated(new asn1js.Any())] })

/** DistributionPoint (RFC 5280 4.2.1.13). That of pkijs refuses names relative to the issuer of the CRL. */
const DISTRIBUTION_POINT = new asn1js.Sequence({
  value: [
    tagged(0, [
      new asn1js.Choice({
        value: [tagged(0, [repeated(pkijs.GeneralName.schema())]), tagged(1, [repeated(new asn1js.Any())])],
      }),
    ]),
    new asn1js.Primitive({ optional: true, idBlock: { tagClass: 3, tagNumber: 1 } }),
    tagged(2, [repeated(pkijs.GeneralName.schema())]),
  ],
})

/** Types of extensions, keyed by their names. Of the rarest only the outermost type is checked. */
export type ExtensionTypes = Readonly<Partial<Record<keyof typeof EXTENSION, Schema>>>

/**
 * Extensions that OpenSSL reads in each certificate of a path before all else (`ossl_x509v3_cache_extensions`). Where one is
 * malformed, no path with the certificate is valid, even if it is the root.
 */
export const READ_ALWAYS: ExtensionTypes = {
  subjectKeyIdentifier: new asn1js.OctetString(),
  authorityKeyIdentifier: pkijs.AuthorityKeyIdentifier.schema(),
  keyUsage: new asn1js.BitString(),
  extendedKeyUsage: pkijs.ExtKeyUsage.schema(),
  basicConstraints: pkijs.BasicConstraints.schema(),
  nameConstraints: pkijs.NameConstraints.schema(),
  subjectAltName: pkijs.GeneralNames.schema(),
  crlDistributionPoints: new asn1js.Sequence({ value: [repeated(DISTRIBUTION_POINT)] }),
  netscapeCertType: new asn1js.BitString(),
  proxyCertInfo: LIST,
  ipAddrBlocks: LIST,
  autonomousSysIds: LIST,
}

/** Extensions that validators read where they need them, such as those that check policies. */
export const READ_BY_SOME: ExtensionTypes = {
  certificatePolicies: LIST,
  policyMappings: LIST,
  policyConstraints: LIST,
  inhibitAnyPolicy: new asn1js.Integer(),
  authorityInfoAccess: pkijs.InfoAccess.schema(),
}

function repeated(value: Schema): asn1js.Repeated {
  return new asn1js.Repeated({ value })
}

/** Describes an optional element with a context-specific tag. */
function tagged(tagNumber: number, value: Schema[]): asn1js.Constructed {
  return new asn1js.Constructed({ optional: true, idBlock: { tagClass: 3, tagNumber }, value })
}

/**
 * Names the extensions whose values are not of their types (RFC 5280 4.2). They are read as BER, as OpenSSL does, so that
 * nothing is named that it can read.
 */
export function findMalformedExtensions(extensions: Extensions, types: ExtensionTypes): string[] {
  return Object.entries(types)
    .filter(([name, type]) => {
      const extension = extensions.get(EXTENSION[name as keyof typeof EXTENSION])
      return extension !== undefined && !isOfType(extension.value, type)
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
