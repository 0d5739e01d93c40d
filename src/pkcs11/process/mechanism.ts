/** The mechanisms that sign: which one a key needs, whether the token has it, and how it is called. */

import type { Handle, Mechanism } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import type { SignatureAlgorithm, SignMechanism } from '../../algorithms/signature-algorithm.ts'
import { nameKey } from '../key-name.ts'
import { describeFailure } from '../return-values.ts'
import { readAllowedMechanisms } from './key-attributes.ts'
import { misconfigured } from './open-error.ts'
import type { TokenSession, TokenSlot } from './user-session.ts'

const TYPES: Readonly<Record<SignMechanism['name'], number>> = {
  CKM_RSA_PKCS: pkcs11js.CKM_RSA_PKCS,
  CKM_RSA_PKCS_PSS: pkcs11js.CKM_RSA_PKCS_PSS,
  CKM_ECDSA: pkcs11js.CKM_ECDSA,
}

/** Bytes: those of an RSA key of 4096 bits. */
export const MAX_SIGNATURE_LENGTH = 512

/** The hash of RSASSA-PSS, and the mask generation function that uses it. */
const PSS: Readonly<Record<HashAlgorithm['name'], readonly [hashAlg: number, mgf: number]>> = {
  sha160: [pkcs11js.CKM_SHA_1, pkcs11js.CKG_MGF1_SHA1],
  sha224: [pkcs11js.CKM_SHA224, pkcs11js.CKG_MGF1_SHA224],
  sha256: [pkcs11js.CKM_SHA256, pkcs11js.CKG_MGF1_SHA256],
  sha384: [pkcs11js.CKM_SHA384, pkcs11js.CKG_MGF1_SHA384],
  sha512: [pkcs11js.CKM_SHA512, pkcs11js.CKG_MGF1_SHA512],
}

/** Returns the mechanism for a key: a key of unknown type counts as RSA unless ECDSA is asked for. */
export function signMechanism(
  type: string | undefined,
  algorithm: SignatureAlgorithm['name'] | undefined,
): SignMechanism['name'] {
  if (type === 'EC' || algorithm === 'ecdsa') {
    return 'CKM_ECDSA'
  }
  return algorithm === 'rsassa-pss' ? 'CKM_RSA_PKCS_PSS' : 'CKM_RSA_PKCS'
}

/**
 * Returns whether a mechanism signs, and with keys of which lengths.
 *
 * @throws what `C_GetMechanismInfo` threw, `CKR_MECHANISM_INVALID` where the token does not have it
 */
export function describeMechanism({ lib, handle }: TokenSlot, name: SignMechanism['name']) {
  const { flags, minKeySize: minBits, maxKeySize: maxBits } = lib.C_GetMechanismInfo(handle, TYPES[name])
  return { name, sign: (flags & pkcs11js.CKF_SIGN) !== 0, minBits, maxBits }
}

/** @throws OpenError where the token does not sign with it */
export function checkMechanism({ slot }: TokenSession, name: SignMechanism['name']): void {
  if (!isOffered(slot, name)) {
    const reason = `the token does not offer ${name} for signatures`
    throw misconfigured('key', `${reason}; choose another key or token, or have the HSM allow it`, reason)
  }
}

function isOffered(slot: TokenSlot, name: SignMechanism['name']): boolean {
  try {
    return describeMechanism(slot, name).sign
  } catch (error) {
    if (describeFailure(error).returnValue === 'CKR_MECHANISM_INVALID') {
      return false
    }
    throw error
  }
}

/**
 * Makes sure that a key may be used with a mechanism, as far as its CKA_ALLOWED_MECHANISMS tells.
 *
 * @param key described for messages
 * @throws OpenError
 */
export function checkAllowed(
  session: TokenSession,
  key: { readonly handle: Handle } & Parameters<typeof nameKey>[0],
  name: SignMechanism['name'],
): void {
  const allowed = readAllowedMechanisms(session, key.handle)
  if (allowed !== undefined && !allowed.includes(TYPES[name])) {
    const names = allowed.map(describeType).join(', ')
    throw misconfigured(
      'key',
      `the private key with ${nameKey(key)} may not sign with ${name}: its CKA_ALLOWED_MECHANISMS has ${names} alone; ` +
        `have the HSM allow it, set another signatureAlgorithm, or choose another key`,
      `the private key may not sign with ${name}`,
    )
  }
}

function describeType(type: number): string {
  const [name = `0x${type.toString(16)}`] = Object.entries(TYPES).find(([, known]) => known === type) ?? []
  return name
}

/** Returns the mechanism in pkcs11js's format. */
export function encodeMechanism(mechanism: SignMechanism): Mechanism {
  if (mechanism.name !== 'CKM_RSA_PKCS_PSS') {
    return { mechanism: TYPES[mechanism.name] }
  }
  const [hashAlg, mgf] = PSS[mechanism.hash]
  const { saltLength: saltLen } = mechanism
  const parameter = { type: pkcs11js.CK_PARAMS_RSA_PSS, hashAlg, mgf, saltLen }
  return { mechanism: TYPES[mechanism.name], parameter }
}
