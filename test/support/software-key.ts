/** A private key in a file, with which OpenSSL signs what a token is asked to sign, in the form that a token answers. */
import { execFileSync } from 'node:child_process'
import { createPublicKey, type KeyObject, privateEncrypt } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import type { SignMechanism } from '../../src/algorithms/signature-algorithm.ts'

export class SoftwareKey {
  readonly keyFile: string
  /** PEM. */
  readonly publicKeyFile: string
  readonly publicKey: KeyObject

  /** @param keyFile PEM */
  constructor(keyFile: string) {
    this.keyFile = keyFile
    this.publicKeyFile = `${keyFile}.pub`
    this.publicKey = createPublicKey(readFileSync(keyFile))
    writeFileSync(this.publicKeyFile, this.publicKey.export({ type: 'spki', format: 'pem' }))
  }

  sign(mechanism: SignMechanism, input: Uint8Array): Buffer {
    if (mechanism.name === 'CKM_RSA_PKCS') {
      // For which pkeyutl takes no DigestInfo
      return privateEncrypt(readFileSync(this.keyFile), input)
    }
    if (mechanism.name === 'CKM_ECDSA') {
      return this.#bare(this.#pkeyutl(input))
    }
    const hash = findHashAlgorithm(mechanism.hash) as HashAlgorithm
    return this.signPss(input, hash, hash)
  }

  /** @param maskHash of MGF1 */
  signPss(digest: Uint8Array, { nodeName }: HashAlgorithm, maskHash: HashAlgorithm): Buffer {
    const hashes = [`digest:${nodeName}`, `rsa_mgf1_md:${maskHash.nodeName}`]
    return this.#pkeyutl(digest, 'rsa_padding_mode:pss', ...hashes, 'rsa_pss_saltlen:digest')
  }

  #pkeyutl(input: Uint8Array, ...options: string[]): Buffer {
    const args = ['pkeyutl', '-sign', '-inkey', this.keyFile, ...options.flatMap((one) => ['-pkeyopt', one])]
    return execFileSync('openssl', args, { input })
  }

  /** r and s one after the other, each as long as the order. */
  #bare(der: Uint8Array): Buffer {
    const text = execFileSync('openssl', ['asn1parse', '-inform', 'DER'], { input: der, encoding: 'utf8' })
    const { x = '' } = this.publicKey.export({ format: 'jwk' })
    const digits = 2 * Buffer.from(x, 'base64url').length
    const integers = [...text.matchAll(/INTEGER +:([0-9A-F]+)/g)]
    return Buffer.from(integers.map(([, hex = '']) => hex.padStart(digits, '0')).join(''), 'hex')
  }
}
