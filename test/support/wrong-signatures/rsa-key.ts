import { constants, createPrivateKey, createPublicKey, type KeyObject, privateEncrypt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { toBytes, toNumber } from './numbers.ts'

/** An RSA key whose private operation takes whatever it is given: nothing pads, and nothing refuses to. */
export class RsaKey {
  readonly publicKey: KeyObject
  readonly modulus: bigint
  /** Bits of the modulus. */
  readonly bits: number
  /** Bytes of the modulus, and of a signature. */
  readonly size: number
  readonly #privateKey: KeyObject

  /** @param keyFile PEM */
  constructor(keyFile: string) {
    this.#privateKey = createPrivateKey(readFileSync(keyFile))
    this.publicKey = createPublicKey(this.#privateKey)
    const { n = '' } = this.publicKey.export({ format: 'jwk' })
    this.modulus = toNumber(Buffer.from(n, 'base64url'))
    this.bits = this.modulus.toString(2).length
    this.size = Math.ceil(this.bits / 8)
  }

  /** @param encoded a number below the modulus (RFC 8017 5.2.1) */
  sign(encoded: bigint | Uint8Array): Buffer {
    const bytes = toBytes(typeof encoded === 'bigint' ? encoded : toNumber(encoded), this.size)
    return privateEncrypt({ key: this.#privateKey, padding: constants.RSA_NO_PADDING }, bytes)
  }
}
