/** Makes the tokens of users, and verifies them: an identifier, a full stop, and a secret that no file keeps. */
import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { User } from '../../schemas/access-file.ts'

const ID_BYTES = 9
const SECRET_BYTES = 32
const SALT_BYTES = 16
const HASH_BYTES = 32
/** Characters of base64url. */
const CHECK_LENGTH = 3
/** RFC 7914 2; takes 4 MB and some 12 ms. A secret of 256 bits needs no more. */
const COST = { N: 4_096, r: 8, p: 1 }

const derive = promisify<string, Buffer, number, typeof COST, Buffer>(scrypt)

/** The part of a user's entry that a token is verified with. */
type TokenHash = Pick<User, 'tokenId' | 'check' | 'salt' | 'hash'>

/** Returns a new token, which begins with a letter, and what is kept of it. */
export async function createToken(): Promise<{ readonly token: string; readonly kept: TokenHash }> {
  const id = randomBytes(ID_BYTES)
  // Commands take what begins with a hyphen for an option. The upper half of the characters of base64url has it, and the digits
  id.writeUInt8(id.readUInt8() & 0b0111_1111)
  const tokenId = id.toString('base64url')
  const token = `${tokenId}.${randomBytes(SECRET_BYTES).toString('base64url')}`
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(token, salt, HASH_BYTES, COST)
  return {
    token,
    kept: {
      tokenId,
      check: checkOf(token),
      salt: salt.toString('base64url'),
      hash: hash.toString('base64url'),
    },
  }
}

/** Returns the identifier that a token begins with, which is no secret; undefined where the text has not the form of one. */
export function tokenIdOf(token: string): string | undefined {
  return /^([\w-]{12})\.[\w-]{43}$/.exec(token)?.[1]
}

/** Returns whether a text has what may be the token of a user in it, as one with a full stop or a prefix beside it, or its secret alone. */
export function holdsToken(text: string): boolean {
  return /[\w-]{12}\.[\w-]{43}|(?<![\w-])[\w-]{43}(?![\w-])/.test(text)
}

/**
 * Returns whether a token may be the one that a check was made of. One in 262,144 wrong tokens passes; all others need no hash, so that
 * somebody who knows an identifier alone cannot keep its user from being verified.
 */
export function passesCheck(token: string, { check }: Pick<TokenHash, 'check'>): boolean {
  return checkOf(token) === check
}

/** Returns whether a token is the one that a hash was made of. */
export async function verifyToken(
  token: string,
  { salt, hash }: Pick<TokenHash, 'salt' | 'hash'>,
): Promise<boolean> {
  const derived = await derive(token, Buffer.from(salt, 'base64url'), HASH_BYTES, COST)
  return timingSafeEqual(derived, Buffer.from(hash, 'base64url'))
}

/** Returns 18 bits that tell most other tokens from this one, of 256 that its secret has. */
function checkOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url').slice(0, CHECK_LENGTH)
}
