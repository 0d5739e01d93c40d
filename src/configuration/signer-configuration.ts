/** Types of the configuration of signers, which stands in variables or in a file. */
import type { KeyObject, X509Certificate } from 'node:crypto'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignatureAlgorithm } from '../algorithms/signature-algorithm.ts'
import type { ContainerTemplate } from '../cms/container-template.ts'
import type { SignatureType } from '../cms/signed-attributes.ts'
import type { Chain } from '../x509/chain.ts'
import type { ValidityPeriod } from '../x509/validity.ts'
import type { ContainerConfiguration } from './container-configuration.ts'
import type { Statuses } from './file-watch.ts'

/** Selects a token, which must match all given properties. If none is given, it is the only token present. */
export interface TokenSelector {
  readonly label?: string
  readonly serial?: string
  readonly manufacturer?: string
  readonly model?: string
  /** Index in the slot list, or a slot id in decimal if it is too large for an index. */
  readonly slot?: number | string
  /** CK_SLOT_ID in decimal, which can exceed 2^53. */
  readonly slotId?: string
}

/** Selects a private key. If nothing is given, it is the one that belongs to the signer certificate. */
export interface KeySelector {
  readonly label?: string
  /** CKA_ID in lower-case hex. */
  readonly id?: string
}

/** The PKCS#11 library. */
export interface LibraryConfiguration {
  readonly module: string
  /** Parameters for C_Initialize, in a form that the library defines. */
  readonly moduleParameters?: string
}

/** The variable or file that holds the PIN. */
export type LocalPinSource = { readonly variable: string } | { readonly file: string }
/** The holder of the PIN: a variable, a file, or a secret of AWS Secrets Manager by its name or ARN. */
export type PinSource = LocalPinSource | { readonly secretId: string }

/** How to reach a token and log in. */
export interface TokenAccess extends LibraryConfiguration {
  readonly token: TokenSelector
  readonly pin: PinSource
}

/** Names of a signer's settings, so that messages name what the operator has to change. */
export interface SettingNames {
  readonly module: string
  readonly pin: string
  readonly token: string
  readonly slot: string
  /** The setting of the key's label or, if only that is given, of its id. */
  readonly key: string
  readonly certificate: string
  readonly caCertificates: string
  /** The setting of the address of timestamp authorities, or of the whole list. */
  readonly timestamps: string
  /** Paths of these two, as they were given; absent if there is none, or it must not be shown. */
  readonly certificatePath?: string
  readonly caPath?: string
  readonly algorithm: string
  readonly hashAlgorithms: string
}

export type SignatureForm = 'raw' | 'pkcs7'
export type RawSigning = 'any' | 'signed-attributes'

/** Limits what a signer may be asked for. */
export interface SignerRules {
  readonly containers: readonly SignatureForm[]
  readonly signatureTypes: readonly SignatureType[]
  readonly hashAlgorithms: readonly HashAlgorithm[]
  /** Days for which the certificates of the chain must still be valid. */
  readonly minimumDaysLeft: number
  /** True if raw signatures may be other than RSASSA-PKCS1-v1_5, which Document Engine does not document. */
  readonly raw: boolean
  /** Allows raw signatures over any bytes, or only over signed attributes (RFC 5652 5.4). */
  readonly rawSigning: RawSigning
}

/** Certificates from files. */
export interface CertificateFiles {
  /** Certificates of the signer's file, leaf first; absent if the certificate is on the token. */
  readonly certificates?: readonly X509Certificate[]
  /** Issuers, in any order. */
  readonly caCertificates: readonly X509Certificate[]
}

/** The certificate of a signer with its chain. The private key is on the token. */
export interface SignerCertificate extends Chain {
  readonly certificate: X509Certificate
  readonly publicKey: KeyObject
  readonly algorithm: SignatureAlgorithm
  /** The certificate and its issuers, leaf first. */
  readonly path: readonly [X509Certificate, ...X509Certificate[]]
  readonly template: ContainerTemplate
  /** Validity of each certificate of `path`. */
  readonly validity: readonly ValidityPeriod[]
  /** Digests of the certificate, keyed by the hash algorithms of signing-certificate attributes (RFC 5035 3). */
  readonly digests: ReadonlyMap<HashAlgorithm['name'], Buffer>
  /** Warnings for the operator, each a sentence without its capital. */
  readonly warnings: readonly string[]
  /** Other certificates of the key on the token. */
  readonly unused: readonly X509Certificate[]
}

export interface SignerConfiguration extends CertificateFiles {
  readonly name: string
  readonly access: TokenAccess
  readonly key: KeySelector
  /** Absent if the type of the key decides. */
  readonly algorithm?: SignatureAlgorithm['name']
  readonly rules: SignerRules
  readonly container: ContainerConfiguration
  readonly settings: SettingNames
  /** Built from the certificate files; absent if the certificate is on the token. */
  readonly signerCertificate?: SignerCertificate
}

export interface SignersConfiguration {
  /** Name of the signer for requests that name none; null if each request has to name one. */
  readonly default: string | null
  readonly signers: readonly SignerConfiguration[]
  /** The status that all files had before they were read, keyed by absolute path. */
  readonly files: Statuses
}

/** Returns the certificates of each file of a signer and of its timestamp authorities. Equal files are one array. */
export function certificateFilesOf({
  certificates = [],
  caCertificates,
  container,
}: Pick<
  SignerConfiguration,
  'certificates' | 'caCertificates' | 'container'
>): (readonly X509Certificate[])[] {
  const authorities = container.timestamps?.authorities ?? []
  return [certificates, caCertificates, ...authorities.map(({ trustAnchors }) => trustAnchors)]
}
