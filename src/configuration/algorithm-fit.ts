import type { KeyObject } from 'node:crypto'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignatureAlgorithm } from '../algorithms/signature-algorithm.ts'
import { SIGNATURE_ALGORITHMS } from '../algorithms/signature-algorithms.ts'
import { ConfigurationError } from '../errors.ts'
import { problemWith } from './problem.ts'
import type { SignerConfiguration } from './signer-configuration.ts'

/** Returns why a supported key cannot sign with an algorithm; undefined if it can. */
export function findUnfitAlgorithm(
  publicKey: KeyObject,
  algorithm: SignatureAlgorithm['name'],
): string | undefined {
  const type = `${publicKey.asymmetricKeyType}`
  const fitting = SIGNATURE_ALGORITHMS.filter(({ keyTypes }) => keyTypes.includes(type)).map(
    ({ name }) => name,
  )
  return fitting.includes(algorithm)
    ? undefined
    : `does not fit the certificate, whose key is of type ${type}: leave it out, or set ${fitting.join(' or ')}`
}

/** Returns the hash algorithms of a signer that its certificate allows (RFC 4055 3.3). */
export function permittedHashes(
  { hashAlgorithms }: Pick<SignerConfiguration['rules'], 'hashAlgorithms'>,
  { hashes }: Pick<SignatureAlgorithm, 'hashes'>,
): readonly HashAlgorithm[] {
  return hashAlgorithms.filter((hash) => hashes.includes(hash))
}

/**
 * Refuses a signer whose certificate allows none of its hash algorithms.
 *
 * @throws ConfigurationError
 */
export function checkHashAlgorithms(
  { rules, settings }: Pick<SignerConfiguration, 'rules' | 'settings'>,
  algorithm: Pick<SignatureAlgorithm, 'hashes'>,
): void {
  if (permittedHashes(rules, algorithm).length === 0) {
    const message =
      `has none that the signer certificate allows: by its RSASSA-PSS parameters its key signs with ` +
      `${nameHashes(algorithm.hashes)} alone; add that one, or have the certificate issued without such parameters`
    const configured = rules.hashAlgorithms.map(({ name }) => name).join(',')
    throw new ConfigurationError([problemWith(settings.hashAlgorithms, message, configured)])
  }
}

/** Returns a warning if the certificate does not allow all hash algorithms of its signer. */
export function findRestriction(
  rules: Pick<SignerConfiguration['rules'], 'hashAlgorithms'>,
  algorithm: Pick<SignatureAlgorithm, 'hashes'>,
): string | undefined {
  const refused = rules.hashAlgorithms.filter((hash) => !algorithm.hashes.includes(hash))
  return refused.length === 0
    ? undefined
    : `the signer certificate allows signatures with ${nameHashes(algorithm.hashes)} alone, by its RSASSA-PSS ` +
        `parameters: requests for ${nameHashes(refused)} are refused`
}

function nameHashes(hashes: readonly HashAlgorithm[]): string {
  return hashes.map(({ name }) => name).join(', ')
}
