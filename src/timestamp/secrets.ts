/** What an authority is to be shown, read anew for each request, so that changed files count. */
import { readFile } from 'node:fs/promises'
import type { TimestampAuthority } from './authority.ts'
import type { Exchange } from './exchange.ts'
import { TimestampFault } from './timestamp-fault.ts'

/** @throws TimestampFault when a file cannot be read */
export async function readSecrets({
  credentials,
  tls = {},
}: TimestampAuthority): Promise<Pick<Exchange, 'authorization' | 'tls'>> {
  const [password, ca, cert, key] = await Promise.all([
    read('password file', credentials?.passwordFile),
    read('CA file', tls.caFile),
    read('certificate file', tls.certificateFile),
    read('key file', tls.keyFile),
  ])
  return {
    ...(password && { authorization: basic(`${credentials?.user}`, password) }),
    // An agent keeps connections with other files apart
    tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
  }
}

async function read(what: string, path: string | undefined): Promise<Buffer | undefined> {
  try {
    return path === undefined ? undefined : await readFile(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new TimestampFault('misconfigured', `has a ${what} that cannot be read (${code})`)
  }
}

/** RFC 7617 2; without the line end that editors and `echo` put behind a password. */
function basic(user: string, password: Buffer): string {
  const pair = `${user}:${password.toString('utf8').replace(/\r?\n$/, '')}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}
