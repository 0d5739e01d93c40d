import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

const ALGORITHM = 'ES256'
const ISSUER = 'signing-service-demo'
const AUDIENCE = 'signing-service'
/** The service lets clocks differ by a minute, so a token is good for two. */
const LIFETIME_S = 60

/** `expired` is of an hour ago; `other-signer` is for a signer that the demo does not have. */
export const TOKEN_KINDS = ['valid', 'expired', 'other-signer'] as const
export type TokenKind = (typeof TOKEN_KINDS)[number]

/** Issues JSON Web Tokens as an application would that may have documents signed. */
export interface TokenIssuer {
  /** The service's settings, by which it believes these tokens and no others. */
  readonly environment: Readonly<Record<string, string>>
  issue(kind?: TokenKind): Promise<string>
}

/**
 * Makes a key pair for tokens. Its private half is nowhere but in this process.
 *
 * @param folder gets the public half, as a JSON Web Key Set
 */
export async function createTokenIssuer(folder: string): Promise<TokenIssuer> {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM)
  const kid = 'demo'
  const file = join(folder, 'jwt-keys.json')
  const key = { ...(await exportJWK(publicKey)), kid, alg: ALGORITHM, use: 'sig' }
  await writeFile(file, JSON.stringify({ keys: [key] }))
  return {
    environment: {
      ACCESS: 'jwt',
      ACCESS_JWT_KEYS: file,
      ACCESS_JWT_ISSUER: ISSUER,
      ACCESS_JWT_AUDIENCE: AUDIENCE,
      ACCESS_JWT_ALGORITHMS: ALGORITHM,
    },
    issue(kind = 'valid') {
      const issuedAt = Math.floor(Date.now() / 1000) - (kind === 'expired' ? 3600 : 0)
      return new SignJWT(kind === 'other-signer' ? { signer: 'payroll' } : {})
        .setProtectedHeader({ alg: ALGORITHM, kid })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setSubject('demo')
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + LIFETIME_S)
        .sign(privateKey)
    },
  }
}
