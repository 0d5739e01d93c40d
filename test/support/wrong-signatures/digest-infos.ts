/** `DigestInfo ::= SEQUENCE { digestAlgorithm AlgorithmIdentifier, digest OCTET STRING }` (RFC 8017 9.2), but wrong. */
import { createHash } from 'node:crypto'
import { encode, type Flaw, flawsOfDer } from './der-flaws.ts'

/** DER object identifiers in hex. */
const HASHES: Readonly<Record<string, string>> = {
  md2: '06082a864886f70d0202',
  md5: '06082a864886f70d0205',
  ripemd160: '06052b24030201',
  sha1: '06052b0e03021a',
  sha224: '0609608648016503040204',
  sha256: '0609608648016503040201',
  sha384: '0609608648016503040202',
  sha512: '0609608648016503040203',
  'sha512-224': '0609608648016503040205',
  'sha512-256': '0609608648016503040206',
  'sha3-224': '0609608648016503040207',
  'sha3-256': '0609608648016503040208',
  'sha3-384': '0609608648016503040209',
  'sha3-512': '060960864801650304020a',
  shake256: '060960864801650304020c',
  sha256WithRSAEncryption: '06092a864886f70d01010b',
}

/**
 * The right one.
 *
 * @param hash node:crypto's spelling
 */
export function makeDigestInfo(hash: string, message: Uint8Array): Buffer {
  return assemble(hash, createHash(hash).update(message).digest())
}

/** The right one with the parameters left out, which some verifiers take: RFC 8017 A.2.4 wants NULL in a DigestInfo. */
export function withoutNull(hash: string, message: Uint8Array): Buffer {
  const oid = Buffer.from(`${HASHES[hash]}`, 'hex')
  return encode(0x30, encode(0x30, oid), encode(4, createHash(hash).update(message).digest()))
}

/** @param hash of the right one */
export function wrongDigestInfos(hash: string, message: Uint8Array): Flaw[] {
  const digest = createHash(hash).update(message).digest()
  const right = assemble(hash, digest)
  const others = Object.keys(HASHES).filter((name) => name !== hash)
  const named = others.map((name) => ({ name: `names ${name}`, bytes: assemble(name, digest) }))
  const hashed = ['md5', 'ripemd160', 'sha512-256', 'sha3-256'].map((other) => ({
    name: `with the digest of ${other}`,
    bytes: assemble(hash, createHash(other).update(message).digest()),
  }))
  return [
    ...flawsOfDer(right),
    ...named,
    ...hashed,
    { name: 'of another message', bytes: makeDigestInfo(hash, Buffer.from('another message')) },
    { name: 'of the digest of the digest', bytes: makeDigestInfo(hash, digest) },
    { name: 'with a digest of zeros', bytes: assemble(hash, Buffer.alloc(digest.length)) },
    { name: 'nothing but the digest', bytes: digest },
    { name: 'nothing but the digest as an OCTET STRING', bytes: encode(4, digest) },
    { name: 'the message itself', bytes: Buffer.from(message) },
  ].map(({ name, bytes }) => ({ name: `DigestInfo: ${name}`, bytes }))
}

function assemble(hash: string, digest: Uint8Array): Buffer {
  const oid = Buffer.from(`${HASHES[hash]}`, 'hex')
  return encode(0x30, encode(0x30, oid, Buffer.of(5, 0)), encode(4, digest))
}
