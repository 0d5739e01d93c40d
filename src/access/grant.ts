/** Describes what a caller may have signed, and checks requests against it. */
import type { BlockList } from 'node:net'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { hasAddress } from '../common/networks.ts'
import type { SignatureForm } from '../configuration/signer-configuration.ts'
import { NOT_ALLOWED } from '../errors.ts'

/** Limits what one caller may have signed. An absent restriction permits everything. */
export interface Grant {
  /** Name of the caller for the log: the user of ACCESS_FILE, or the claim `sub`; absent if everybody may call. */
  readonly subject?: string
  readonly signers?: readonly string[]
  readonly containers?: readonly SignatureForm[]
  readonly hashAlgorithms?: readonly HashAlgorithm['name'][]
  /** Addresses from which the caller may call. */
  readonly addresses?: BlockList
  /** Lower-case hex of the only digest that may be signed. */
  readonly digest?: string
}

/** The signature that a request asks for. */
export interface GrantedUse {
  readonly signer: string
  /** Absent for a request for certificates. */
  readonly signature?: {
    readonly container: SignatureForm
    readonly hashAlgorithm: HashAlgorithm['name']
    /** Digest of the contents for a container, or of `data_to_be_signed` for a raw signature. */
    readonly digest: Uint8Array
  }
}

/**
 * Checks a request as it will be signed, before the HSM is asked.
 *
 * @throws NOT_ALLOWED that says what is not allowed, and never what would be
 */
export function checkGrant(grant: Grant, { signer, signature }: GrantedUse): void {
  check(permits(grant.signers, signer), 'signer: this caller may not use it')
  if (signature === undefined) {
    return
  }
  const { container, hashAlgorithm, digest } = signature
  check(permits(grant.containers, container), 'signature_container: this caller may not ask for this form')
  check(permits(grant.hashAlgorithms, hashAlgorithm), 'hash_algorithm: this caller may not use it')
  check(
    grant.digest === undefined || grant.digest === Buffer.from(digest).toString('hex'),
    'signing_token: allows the signature of another digest alone',
  )
}

/**
 * Checks where a request comes from.
 *
 * @throws NOT_ALLOWED
 */
export function checkAddress({ addresses }: Pick<Grant, 'addresses'>, address: string): void {
  check(
    addresses === undefined || hasAddress(addresses, address),
    'This caller may not call from this address',
  )
}

function permits<T>(allowed: readonly T[] | undefined, asked: T): boolean {
  return allowed === undefined || allowed.includes(asked)
}

function check(allowed: boolean, message: string): void {
  if (!allowed) {
    throw new NOT_ALLOWED(message)
  }
}
