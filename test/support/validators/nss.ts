import { mkdir } from 'node:fs/promises'
import type { Verification } from './openssl.ts'
import { runTool } from './run-tool.ts'
import { withTemporaryFiles } from './temporary-files.ts'

/** @throws with what it printed when it fails */
export async function certutil(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runTool('certutil', args)
  if (exitCode !== 0) throw new Error(`certutil ${args.join(' ')}: ${stderr.trim()}`)
  return stdout
}

/**
 * Makes an NSS database, the kind of trust store that pdfsig reads, in which the given certificates are trust anchors
 * for everything.
 *
 * @param directory is created
 * @param trustAnchors paths of PEM files with one certificate each
 * @returns the database's name as the NSS tools want it: `sql:` and the directory
 */
export async function makeNssDatabase(directory: string, trustAnchors: readonly string[]): Promise<string> {
  await mkdir(directory, { recursive: true })
  const database = `sql:${directory}`
  await certutil('-N', '-d', database, '--empty-password')
  for (const [index, path] of trustAnchors.entries()) {
    await certutil('-A', '-n', `anchor-${index}`, '-t', 'CT,C,C', '-i', path, '-d', database)
  }
  return database
}

/**
 * Verifies a detached CMS with NSS's cmsutil: message digest, signature, and chain to an anchor, for a certificate that
 * signs e-mail.
 *
 * @param database as `makeNssDatabase` returns it
 */
export function cmsutil(cms: Uint8Array, content: Uint8Array, database: string): Promise<Verification> {
  return withTemporaryFiles({ cms, content }, async (path) => {
    const files = ['-i', path.cms, '-c', path.content, '-o', '/dev/null']
    const { exitCode, stderr } = await runTool('cmsutil', ['-D', '-d', database, ...files])
    return { valid: exitCode === 0, message: stderr.trim() }
  })
}
