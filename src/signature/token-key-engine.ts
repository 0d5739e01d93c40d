/**
 * pkijs's view of the key on the token: a CryptoKey without key material, and a crypto engine on @peculiar/webcrypto
 * that has it sign.
 */
import type { webcrypto } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { HASH_ALGORITHMS, type HashAlgorithm } from './hash-algorithms.ts'
import { RSA_ENCRYPTION } from './rsa-signature-algorithms.ts'
import { Crypto, CryptoKey } from './webcrypto.ts'

export class TokenKey extends CryptoKey {
  /** Hashes `data`, has the token sign the digest and returns the signature's octets. */
  readonly signData: (data: Uint8Array) => Promise<Uint8Array>

  constructor(hash: HashAlgorithm, signData: (data: Uint8Array) => Promise<Uint8Array>) {
    super()
    this.type = 'private'
    this.extractable = false
    this.usages = ['sign']
    this.algorithm = {
      name: 'RSASSA-PKCS1-v1_5',
      hash: { name: hash.webCryptoName },
    } as webcrypto.KeyAlgorithm
    this.signData = signData
  }
}

export class TokenKeyEngine extends pkijs.CryptoEngine {
  constructor() {
    super({ name: '@peculiar/webcrypto', crypto: new Crypto() })
  }

  /** Asked about hash algorithms alone. Knows SHA-224, which pkijs does not. */
  override getOIDByAlgorithm(algorithm: webcrypto.Algorithm): string {
    const hash = HASH_ALGORITHMS.find(({ webCryptoName }) => webCryptoName === algorithm.name)
    return (hash as HashAlgorithm).oid
  }

  override async getSignatureParameters(privateKey: webcrypto.CryptoKey, hashAlgorithm: string) {
    return {
      signatureAlgorithm: new pkijs.AlgorithmIdentifier({
        algorithmId: RSA_ENCRYPTION,
        algorithmParams: new asn1js.Null(),
      }),
      parameters: {
        algorithm: { name: privateKey.algorithm.name, hash: { name: hashAlgorithm } },
        usages: ['sign' as const],
      },
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
