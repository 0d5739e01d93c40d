/**
 * Lets pkijs sign with a key on the token, through a CryptoKey without key material and a crypto engine on
 * @peculiar/webcrypto.
 */
import type { webcrypto } from 'node:crypto'
import { createRequire } from 'node:module'
import * as pkijs from 'pkijs'

/**
 * Loads the CommonJS build of @peculiar/webcrypto: the package does not mark its ES build as one, and only the newest
 * module loaders detect that by themselves.
 */
const { Crypto, CryptoKey } = createRequire(import.meta.url)(
  '@peculiar/webcrypto',
) as typeof import('@peculiar/webcrypto')

/** A key on the token, with the algorithm of its signatures. */
export class TokenKey extends CryptoKey {
  /** The algorithm that pkijs writes beside the signature. */
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

  /** Returns the key's own algorithm, whatever hash algorithm `sign` names. */
  override async getSignatureParameters(privateKey: webcrypto.CryptoKey) {
    return {
      signatureAlgorithm: (privateKey as TokenKey).identifier,
      // pkijs would take these to sign, but the key knows how
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
