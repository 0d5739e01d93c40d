/** What is configured of signers, wherever it stands: in variables, or in a file. */
import type { KeyObject, X509Certificate } from 'node:crypto'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignatureAlgorithm } from '../algorithms/signature-algorithm.ts'
import type { ContainerTemplate } from '../cms/container-template.ts'
import type { SignatureType } from '../cms/signed-attributes.ts'
import type { Chain } from '../x509/chain.ts'
import type { ValidityPeriod } from '../x509/validity.ts'
import type { ContainerConfiguration } from './container-configuration.ts'

/** Which token: all that are given must fit; none given means the only token present. */
export interface TokenSelector {
  readonly label?: string
  readonly serial?: string
  readonly manufacturer?: string
  readonly model?: string
  /** Index in the slot list; in decimal where it is too large for one, as ids of slots are. */
  readonly slot?: number | string
  /** CK_SLOT_ID in decimal: it can exceed 2^53. */
  readonly slotId?: string
}

/** Which private key: none given means the one that belongs to the signer certificate. */
export interface KeySelector {
  readonly label?: string
  /** CKA_ID in lower-case hex. */
  readonly id?: string
}

/** What it takes to load the PKCS#11 library. */
export interface LibraryConfiguration {
  readonly module: string
  /** Handed to the library at its initialization, in a form of its own. */
  readonly moduleParameters?: string
}

/** How to reach a token and log in. */
/** Where the PIN is found when a token is logged in to. */
export type PinSource = { readonly variable: string } | { readonly file: string }

export interface TokenAccess extends LibraryConfiguration {
  readonly token: TokenSelector
  readonly pin: PinSource
}

/** What the operator calls the settings of a signer: what a message names is what has to change. */
export interface SettingNames {
  readonly module: string
  readonly pin: string
  readonly token: string
  /** The setting of each thing that a token is selected by. */
  readonly tokenParts: { readonly [part in keyof TokenSelector]?: string }
  /** Of a label or, where only that is given, of an id. */
  readonly key: string
  readonly certificate: string
  readonly caCertificates: string
  /** The paths that these two have, as they were given; absent where there is none, or it must not be shown. */
  readonly certificatePath?: string
  readonly caPath?: string
  readonly algorithm: string
  readonly hashAlgorithms: string
  /** What tells several tokens apart, in words. */
  readonly tokenChoice: string
  /** What tells several keys apart, in words. */
  readonly keyChoice: string
}

export type SignatureForm = 'raw' | 'pkcs7'
export type RawSigning = 'any' | 'signed-attributes'

/** What a signer may be asked for. */
export interface SignerRules {
  readonly containers: readonly SignatureForm[]
  readonly signatureTypes: readonly SignatureType[]
  readonly hashAlgorithms: readonly HashAlgorithm[]
  /** Days that its certificate and chain must still be valid for. */
  readonly minimumDaysLeft: number
  /** Whether raw signatures are given too that are not RSASSA-PKCS1-v1_5, which Document Engine does not document. */
  readonly raw: boolean
  /** Whether raw signatures are made over any bytes, or over signed attributes of the signer alone (RFC 5652 5.4). */
  readonly rawSigning: RawSigning
}

/** Certificates of files. */
export interface CertificateFiles {
  /** Leaf first; absent when the certificate is to be found on the token. */
  readonly certificates?: readonly X509Certificate[]
  /** In any order. */
  readonly caCertificates: readonly X509Certificate[]
}

/** The certificate of a signer with its chain, and what was found out about them. The key is on the token. */
export interface SignerCertificate extends Chain {
  readonly certificate: X509Certificate
  readonly publicKey: KeyObject
  readonly algorithm: SignatureAlgorithm
  /** The certificate and its issuers. */
  readonly path: readonly [X509Certificate, ...X509Certificate[]]
  readonly template: ContainerTemplate
  /** Of the certificate and its issuers. */
  readonly validity: readonly ValidityPeriod[]
  /** Digests of the certificate, keyed by the hash algorithms of signing-certificate attributes (RFC 5035 3). */
  readonly digests: ReadonlyMap<HashAlgorithm['name'], Buffer>
  /** What the operator should know of them, each a sentence without its capital. */
  readonly warnings: readonly string[]
}

export interface SignerConfiguration extends CertificateFiles {
  readonly name: string
  readonly access: TokenAccess
  readonly key: KeySelector
  /** Absent where the type of the key decides. */
  readonly algorithm?: SignatureAlgorithm['name']
  readonly rules: SignerRules
  readonly container: ContainerConfiguration
  readonly settings: SettingNames
  /** Built from the certificate files; absent when the certificate is to be found on the token. */
  readonly signerCertificate?: SignerCertificate
}

export interface SignersConfiguration {
  /** Name of the one that signs where a request names none; null where each request has to name one. */
  readonly default: string | null
  readonly signers: readonly SignerConfiguration[]
  /** Absolute paths of all the files that this was read from. */
  readonly files: readonly string[]
}
