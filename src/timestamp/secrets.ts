/** Reads the credentials for an authority. It does so for each request, so that changed files count. */
import { readFile } from 'node:fs/promises'
import { readSecret } from '../common/secret.ts'
import type { Credentials, TimestampAuthority } from '../configuration/timestamp-authority.ts'
import type { PostRequest } from './post.ts'
import { TimestampError } from './timestamp-error.ts'

/**
 * Reads the password and the TLS files of an authority.
 *
 * @throws TimestampError when a file cannot be read, or is not clearly a password
 */
export async function readSecrets({
  credentials,
  tls = {},
}: TimestampAuthority): Promise<Pick<PostRequest, 'authorization' | 'tls'>> {
  const [authorization, ca, cert, key] = await Promise.all([
    credentials && authorize(credentials),
    tls.caFile && read('CA file', tls.caFile),
    tls.certificateFile && read('certificate file', tls.certificateFile),
    tls.keyFile && read('key file', tls.keyFile),
  ])
  return {
    ...(authorization && { authorization }),
    // The HTTP client keeps connections with other files apart
    tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
  }
}

async function read(what: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new TimestampError('misconfigured', `has a ${what} that cannot be read (${code})`)
  }
}

/** Builds the value of the Authorization header (RFC 7617 2). */
async function authorize(credentials: Credentials): Promise<string> {
  const password =
    'password' in credentials
      ? credentials.password.reveal()
      : readPassword(await read('password file', credentials.passwordFile))
  return `Basic ${Buffer.from(`${credentials.user}:${password}`).toString('base64')}`
}

function readPassword(content: Buffer): string {
  try {
    return readSecret(content)
  } catch (error) {
    throw new TimestampError('misconfigured', `has a password file that ${(error as Error).message}`)
  }
}
