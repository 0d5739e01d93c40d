import type { KeyObject } from 'node:crypto'
import type { SignatureAlgorithm } from '../signature/signature-algorithm.ts'
import { SIGNATURE_ALGORITHMS } from '../signature/signature-algorithms.ts'

/** Why a key that can sign here does not do so with an algorithm; undefined where it does. */
export function describeUnfitAlgorithm(
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
