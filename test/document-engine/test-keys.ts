import { execFile } from 'node:child_process'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beginMaterial, findMaterial, keepMaterial } from '../support/material.ts'

const run = promisify(execFile)

/** Paths of PEM files. */
export interface TestKeys {
  rootCertificate: string
  leafCertificate: string
  leafKey: string
}

const WHAT = ['keys of the callback stand-in']

const EXTENSIONS = `[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, nonRepudiation
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`

/** A root and a leaf that it issued, RSA-2048, copied to `dir`. */
export async function makeTestKeys(dir: string): Promise<TestKeys> {
  const path = (name: string): string => join(dir, name)
  await cp(findMaterial(WHAT) ?? (await generate(beginMaterial())), dir, { recursive: true })
  return {
    rootCertificate: path('root.pem'),
    leafCertificate: path('leaf.pem'),
    leafKey: path('leaf.key'),
  }
}

/** Makes them with the openssl command. Returns the folder in which they are kept. */
async function generate(dir: string): Promise<string> {
  const path = (name: string): string => join(dir, name)
  const openssl = (...args: string[]) => run('openssl', args)
  const newKey = ['-newkey', 'rsa:2048', '-nodes']
  await writeFile(path('extensions.cnf'), `[req]\ndistinguished_name = dn\n[dn]\n${EXTENSIONS}`)
  const config = ['-config', path('extensions.cnf')]
  const root = ['-x509', '-days', '30', '-subj', '/CN=Test Root', '-extensions', 'root']
  await openssl('req', ...config, ...newKey, ...root, '-keyout', path('root.key'), '-out', path('root.pem'))
  const leaf = ['-subj', '/CN=Test Signer', '-keyout', path('leaf.key'), '-out', path('leaf.csr')]
  await openssl('req', ...config, ...newKey, ...leaf)
  const issuer = ['-CA', path('root.pem'), '-CAkey', path('root.key'), '-set_serial', '0x5eed']
  const extensions = ['-extfile', path('extensions.cnf'), '-extensions', 'leaf', '-days', '20']
  await openssl('x509', '-req', '-in', path('leaf.csr'), ...issuer, ...extensions, '-out', path('leaf.pem'))
  return keepMaterial(dir, WHAT)
}
