/** Makes JSON Web Tokens with node:crypto, without the library that verifies them. */
import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { keepToken } from './secret-watch.ts'

/** Parameters of `crypto.sign` by algorithm (RFC 7518 3.1, RFC 8037 3.1, RFC 9864 2.2). */
const HASHES: Readonly<Record<string, string | null>> = {
  ES256: 'sha256',
  RS256: 'sha256',
  PS256: 'sha256',
  EdDSA: null,
  Ed25519: null,
}

export interface JwtKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

export function createJwtKey(alg = 'ES256', kid: string = randomUUID()): JwtKey {
  const pair =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : alg.startsWith('Ed')
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { kid, alg, ...pair }
}

/** Returns a set of public keys (RFC 7517 5). */
export function createKeySet(...keys: readonly JwtKey[]) {
  return {
    keys: keys.map(({ kid, alg, publicKey }) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid,
      alg,
      use: 'sig',
    })),
  }
}

/** Returns claims of a token that is valid for a minute. */
export function createClaims(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000)
  return {
    iss: 'https://app.example.com',
    aud: 'signing-service',
    sub: 'alice',
    iat: now,
    exp: now + 60,
    ...more,
  }
}

/** @param header replaces fields of the header, or adds some */
export function signJwt(
  key: JwtKey,
  claims: unknown,
  header: Readonly<Record<string, unknown>> = {},
): string {
  const { kid, alg, privateKey } = key
  return joinJwt({ alg, kid, typ: 'JWT', ...header }, claims, (input) =>
    sign(HASHES[alg] as string | null, input, {
      key: privateKey,
      ...(alg === 'ES256' && { dsaEncoding: 'ieee-p1363' as const }),
      ...(alg === 'PS256' && { padding: 6, saltLength: 32 }),
    }),
  )
}

/** @param secret key of HMAC with SHA-256 */
export function signHs256(
  secret: string | Uint8Array,
  claims: unknown,
  header: Readonly<Record<string, unknown>> = {},
): string {
  return joinJwt({ alg: 'HS256', typ: 'JWT', ...header }, claims, (input) =>
    createHmac('sha256', secret).update(input).digest(),
  )
}

/** @returns a token of algorithm none (RFC 7519 6) */
export function unsignedJwt(claims: unknown): string {
  return joinJwt({ alg: 'none' }, claims, () => Buffer.alloc(0))
}

function joinJwt(header: object, claims: unknown, signInput: (input: Buffer) => Buffer): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const input = `${encode(header)}.${encode(claims)}`
  const token = `${input}.${signInput(Buffer.from(input)).toString('base64url')}`
  keepToken('JSON Web Token', token)
  return token
}
