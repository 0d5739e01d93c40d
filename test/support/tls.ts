/** Certificates for TLS, made by OpenSSL, and clients that call with them: curl and `openssl s_client`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import { type Issued, type IssueOptions, issue } from './certificates.ts'
import type { TlsOptions } from './http.ts'

/** Issues the certificate of a service that listens on the loopback interface. */
export function issueServer(directory: string, issuer: Issued, options: Partial<IssueOptions> = {}): Issued {
  const extensions = ['subjectAltName = DNS:localhost, IP:127.0.0.1', 'extendedKeyUsage = serverAuth']
  return issue(directory, { subject: '/CN=signing-service', issuer, extensions, ...options })
}

/** Issues the certificate of a client with these DNS names, and a subject that is `/CN=` and the first of them. */
export function issueClient(
  directory: string,
  issuer: Issued,
  names: readonly string[],
  options: Partial<IssueOptions> = {},
): Issued {
  const extensions = [
    'extendedKeyUsage = clientAuth',
    ...names.slice(0, 1).map(() => `subjectAltName = ${names.map((name) => `DNS:${name}`).join(', ')}`),
  ]
  return issue(directory, { subject: `/CN=${names[0]}`, issuer, extensions, ...options })
}

/** Returns the first octets that a client with OpenSSL sends: a ClientHello, in one record. */
export async function captureHello(): Promise<Buffer> {
  return await new Promise((resolve) => {
    const transport = new Duplex({ read() {}, write: (chunk) => resolve(chunk) })
    connect({ socket: transport }).on('error', () => {})
  })
}

/** Returns how `send` calls a service whose certificate an authority has issued. */
export function callWith(authority: Issued, client?: Issued): TlsOptions {
  const read = (file: string) => readFileSync(file)
  const shown = client && { cert: read(client.certificateFile), key: read(client.keyFile) }
  return { ca: read(authority.certificateFile), ...shown }
}

/** Options of curl that do the same. */
export function curlOptions(authority: Issued, client?: Issued): string[] {
  const shown = client && ['--cert', client.certificateFile, '--key', client.keyFile]
  return ['--cacert', authority.certificateFile, ...(shown ?? [])]
}

/** The files of a service, which can be exchanged while it runs. */
export function placeFiles(directory: string, { certificateFile, keyFile }: Issued) {
  const certificate = join(directory, 'tls.crt')
  const key = join(directory, 'tls.key')
  const put = (from: string, to: string) => {
    copyFileSync(from, `${to}.new`)
    renameSync(`${to}.new`, to)
  }
  put(certificateFile, certificate)
  put(keyFile, key)
  return {
    environment: { TLS_CERT_FILE: certificate, TLS_KEY_FILE: key },
    putCertificate: ({ certificateFile: from }: Issued) => put(from, certificate),
    putKey: ({ keyFile: from }: Issued) => put(from, key),
  }
}

export interface ToolResult {
  readonly code: number | null
  /** stdout and stderr. */
  readonly output: string
}

/** Runs a client to its end. */
async function runClient(
  command: string,
  args: readonly string[],
  input: string,
  staysOpen = false,
): Promise<ToolResult> {
  const child = spawn(command, args, { stdio: 'pipe' })
  let output = ''
  const append = (chunk: Buffer) => {
    output += chunk.toString('latin1')
  }
  child.stdout.on('data', append)
  child.stderr.on('data', append)
  child.stdin.on('error', () => {})
  child.stdin.write(input)
  if (!staysOpen) {
    child.stdin.end()
  }
  const [code] = await once(child, 'close')
  return { code, output }
}

/** Runs curl, which says with `-sS` why it failed. */
export function curl(...args: string[]): Promise<ToolResult> {
  return runClient('curl', ['-sS', '--max-time', '60', ...args], '')
}

/**
 * Runs `openssl s_client`, which ends once its input has ended.
 *
 * @param staysOpen true if it has to wait until the service closes the connection
 */
export function sClient(
  url: string,
  args: readonly string[],
  input = '',
  staysOpen = false,
): Promise<ToolResult> {
  return runClient('openssl', ['s_client', '-connect', new URL(url).host, ...args], input, staysOpen)
}

/** Returns the serial number of the certificate that a service shows to a new connection. */
export async function shownSerial(url: string, args: readonly string[] = []): Promise<string | undefined> {
  const { output } = await sClient(url, args)
  const pem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n/.exec(output)?.[0]
  const { output: serial } = await runClient('openssl', ['x509', '-noout', '-serial'], pem ?? '')
  return /serial=([0-9A-F]+)/.exec(serial)?.[1]
}
