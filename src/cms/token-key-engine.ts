/**
 * pkijs's view of the key on the token: a CryptoKey without key material, and a crypto engine on @peculiar/webcrypto
 * that has it sign.
 */
import type { webcrypto } from 'node:crypto'
import * as pkijs from 'pkijs'
import { Crypto, CryptoKey } from '../algorithms/webcrypto.ts'

/** For one signature, whose algorithm is the key's. */
export class TokenKey extends CryptoKey {
  /** As the signature's algorithm is told beside it. */
  readonly identifier: pkijs.AlgorithmIdentifier
  /** Hashes `data`, has the token sign the digest and returns the signature, encoded. */
  readonly signData: (data: Uint8Array) => Promise<Uint8Array>

  constructor(identifier: pkijs.AlgorithmIdentifier, signData: (data: Uint8Array) => Promise<Uint8Array>) {
    super()
    this.type = 'private'
    this.extractable = false
    this.usages = ['sign']
    this.identifier = identifier
    this.signData = signData
  }
}

export class TokenKeyEngine extends pkijs.CryptoEngine {
  constructor() {
    super({ name: '@peculiar/webcrypto', crypto: new Crypto() })
  }

  override async getSignatureParameters(privateKey: webcrypto.CryptoKey) {
    return {
      signatureAlgorithm: (privateKey as TokenKey).identifier,
      // Which say how to sign: the key knows
      parameters: { algorithm: {}, usages: [] },
    }
  }

  override async signWithPrivateKey(
    data: webcrypto.BufferSource,
    privateKey: webcrypto.CryptoKey,
  ): Promise<ArrayBuffer> {
    const signature = await (privateKey as TokenKey).signData(new Uint8Array(data as ArrayBuffer))
    return new Uint8Array(signature).buffer
  }
}
