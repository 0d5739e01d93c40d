import { createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import type { Issued } from './certificates.ts'

/**
 * Returns a CRL with other elements in what is signed (RFC 5280 5.1): version, signature, issuer, thisUpdate,
 * nextUpdate, and what follows them.
 *
 * @param signer whose key, an elliptic one, signs it anew; without it the signature stays what it was
 */
export function changeCrl(
  crl: Buffer,
  change: (elements: Buffer[]) => Buffer[],
  signer?: Pick<Issued, 'keyFile'>,
): Buffer {
  const [toBeSigned, algorithm, signature] = elementsOf(crl) as [Buffer, Buffer, Buffer]
  const changed = encode(TAG.sequence, ...change(elementsOf(toBeSigned)))
  return encode(TAG.sequence, changed, algorithm, signer ? signAnew(changed, signer) : signature)
}

function signAnew(toBeSigned: Buffer, { keyFile }: Pick<Issued, 'keyFile'>): Buffer {
  const value = sign('sha256', toBeSigned, createPrivateKey(readFileSync(keyFile)))
  return encode(TAG.bitString, Buffer.alloc(1), value)
}

function elementsOf(sequence: Buffer): Buffer[] {
  const reader = new DerReader(sequence).enter(TAG.sequence)
  const elements: Buffer[] = []
  while (reader.tag !== undefined) {
    elements.push(reader.element())
  }
  return elements
}

/** Returns a CRL without its nextUpdate, signed anew. */
export function withoutNextUpdate(crl: Buffer, signer: Pick<Issued, 'keyFile'>): Buffer {
  return changeCrl(crl, (elements) => elements.toSpliced(4, 1), signer)
}

/** Returns a CRL in PEM (RFC 7468 6), with the text that openssl writes before it. */
export function inPem(crl: Buffer): Buffer {
  const lines = crl.toString('base64').replace(/.{64}(?=.)/g, '$&\n')
  return Buffer.from(
    `Certificate Revocation List (CRL):\n-----BEGIN X509 CRL-----\n${lines}\n-----END X509 CRL-----\n`,
  )
}
