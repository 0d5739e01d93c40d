import { createHash } from 'node:crypto'
import { makeDigestInfo } from './digest-infos.ts'
import { toNumber } from './numbers.ts'
import { pad } from './pkcs1-paddings.ts'
import { encodePss, encodeTooLong, type PssEncoding } from './pss-encodings.ts'
import type { RsaKey } from './rsa-key.ts'

export interface WrongEncoding {
  readonly name: string
  /** Below the modulus. */
  readonly number: bigint
}

/** Encoded messages that are not the right one of this message, hash and length of salt. */
export function wrongPssEncodings(key: RsaKey, right: PssEncoding): WrongEncoding[] {
  const { hash, message, salt } = right
  const encode = (change: Partial<PssEncoding>) => encodePss(key, { ...right, ...change })
  const at = (position: number, value: number) => (bytes: Buffer) => {
    const copy = Buffer.from(bytes)
    copy.writeUInt8(value, position < 0 ? copy.length + position : position)
    return copy
  }
  const digest = createHash(hash).update(message).digest()
  const others = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'sha512-256', 'sha3-256']
    .filter((other) => other !== hash)
    .flatMap((other) => [
      [`mask with ${other}`, encode({ maskHash: other })],
      [`all with ${other}`, encode({ hash: other })],
      [`digest of ${other}`, encode({ hashed: () => [Buffer.alloc(8), hashOf(other, message), salt] })],
    ])
  return Object.entries<bigint>({
    'mask counted from 1': encode({ counter: 1 }),
    'no mask': encode({ changeMask: (mask) => Buffer.alloc(mask.length) }),
    'mask of ff': encode({ changeMask: (mask) => Buffer.alloc(mask.length, 255) }),
    'mask with its last bit flipped': encode({ changeMask: (mask) => flip(mask, mask.length - 1) }),
    'message is another': encode({ message: Buffer.from('another message') }),
    'message is the digest': encode({ message: digest }),
    'message is empty': encode({ message: Buffer.alloc(0) }),
    'hashed without zeros': encode({ hashed: () => [digest, salt] }),
    'hashed with seven zeros': encode({ hashed: () => [Buffer.alloc(7), digest, salt] }),
    'hashed with nine zeros': encode({ hashed: () => [Buffer.alloc(9), digest, salt] }),
    'hashed with eight ones': encode({ hashed: () => [Buffer.alloc(8, 1), digest, salt] }),
    'hashed the salt first': encode({ hashed: () => [Buffer.alloc(8), salt, digest] }),
    'hashed without the salt': encode({ hashed: () => [Buffer.alloc(8), digest] }),
    'hashed with another salt': encode({ hashed: () => [Buffer.alloc(8), digest, flip(salt, 0)] }),
    'hashed the message itself': encode({ hashed: () => [Buffer.alloc(8), message, salt] }),
    'hash is the digest': encode({ changeHash: () => digest }),
    'hash of zeros': encode({ changeHash: (all) => Buffer.alloc(all.length) }),
    'hash with its first bit flipped': encode({ changeHash: (all) => flip(all, 0) }),
    'hash with its last bit flipped': encode({ changeHash: (all) => flip(all, all.length - 1) }),
    'separator 0': encode({ changePadding: at(-1, 0) }),
    'separator 2': encode({ changePadding: at(-1, 2) }),
    'separator 81': encode({ changePadding: at(-1, 0x81) }),
    'separator ff': encode({ changePadding: at(-1, 255) }),
    'padding begins with 1': encode({ changePadding: at(0, 1) }),
    'padding ends with 1, before the separator': encode({ changePadding: at(-2, 1) }),
    'padding of ff': encode({
      changePadding: (padding) => Buffer.alloc(padding.length, 255).fill(1, padding.length - 1),
    }),
    'padding of zeros alone': encode({ changePadding: (padding) => Buffer.alloc(padding.length) }),
    'trailer 0': encode({ trailer: [0] }),
    'trailer bd': encode({ trailer: [0xbd] }),
    'trailer cc': encode({ trailer: [0xcc] }),
    'trailer 33 cc': encode({ trailer: [0x33, 0xcc] }),
    'trailer 34 cc': encode({ trailer: [0x34, 0xcc] }),
    'trailer bc bc': encode({ trailer: [0xbc, 0xbc] }),
    'no trailer': encode({ trailer: [] }),
    'highest bit set': encodeTooLong(key, right),
    'all a byte further': encode({}) >> 8n,
    'PKCS#1 v1.5': toNumber(pad(key.size, makeDigestInfo(hash, message))),
    ...Object.fromEntries(others),
  }).map(([name, encoded]) => ({ name, number: encoded }))
}

function hashOf(name: string, message: Uint8Array): Buffer {
  return createHash(name).update(message).digest()
}

function flip(bytes: Uint8Array, position: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt8(copy.readUInt8(position) ^ (position === 0 ? 0x80 : 1), position)
  return copy
}
