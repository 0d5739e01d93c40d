import type { webcrypto } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import type { HashAlgorithm } from '../signature/hash-algorithms.ts'
import { RSA_WITH_HASH } from '../signature/rsa-signature-algorithms.ts'
import { TokenKeyEngine } from '../signature/token-key-engine.ts'

/** For certificates and requests, whose signature algorithm names the hash too, as a SignerInfo's need not. */
export class CertifyingEngine extends TokenKeyEngine {
  readonly #hash: HashAlgorithm

  constructor(hash: HashAlgorithm) {
    super()
    this.#hash = hash
  }

  override async getSignatureParameters(privateKey: webcrypto.CryptoKey, hashAlgorithm: string) {
    const { parameters } = await super.getSignatureParameters(privateKey, hashAlgorithm)
    const signatureAlgorithm = new pkijs.AlgorithmIdentifier({
      algorithmId: RSA_WITH_HASH[this.#hash.name],
      algorithmParams: new asn1js.Null(),
    })
    return { signatureAlgorithm, parameters }
  }
}
