/** A timestamp authority: `openssl ts` behind HTTP, which can be made to do anything wrong. */
import { execFile } from 'node:child_process'
import type { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { type Issued, issue, openssl, writeBundle } from './certificates.ts'

const run = promisify(execFile)

/** id-ct-TSTInfo. */
const TST_INFO = '1.2.840.113549.1.9.16.1.4'

export const POLICY = '1.3.6.1.4.1.99999.1'
export const OTHER_POLICY = '1.3.6.1.4.1.99999.2'

/** Extensions of a certificate that timestamps. */
export const FOR_TIMESTAMPS = [
  'basicConstraints = critical, CA:FALSE',
  'keyUsage = critical, digitalSignature',
  'extendedKeyUsage = critical, timeStamping',
  'subjectKeyIdentifier = hash',
  'authorityKeyIdentifier = keyid',
]

export interface Issuers {
  readonly root: Issued
  readonly issuing: Issued
}

/** A root, and an authority below it that certifies timestamp authorities. */
export function createIssuers(directory: string): Issuers {
  const root = issue(directory, { subject: '/O=Test/CN=Timestamp root', ca: true })
  const issuing = issue(directory, { subject: '/O=Test/CN=Timestamp CA', ca: true, issuer: root })
  return { root, issuing }
}

export interface ResponderOptions {
  readonly signer: Issued
  /** Sent beside the signer's certificate. */
  readonly chain: readonly Issued[]
  /** Of the [tsa] section, in place of those there are. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Makes a DER TimeStampResp of a DER TimeStampReq. */
export type Responder = (query: Buffer) => Promise<Buffer>

/** Several at once, too. */
export function createResponder(directory: string, { signer, chain, settings }: ResponderOptions): Responder {
  const work = mkdtempSync(join(directory, 'responder-'))
  const all = {
    signer_cert: signer.certificateFile,
    signer_key: signer.keyFile,
    certs: writeBundle(join(work, 'chain.pem'), certificatesOf(chain)),
    signer_digest: 'sha256',
    default_policy: POLICY,
    other_policies: OTHER_POLICY,
    digests: 'sha1, sha224, sha256, sha384, sha512',
    accuracy: 'secs:1, millisecs:500',
    tsa_name: 'yes',
    ess_cert_id_alg: 'sha256',
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  return async (query) => {
    const own = mkdtempSync(join(work, 'reply-'))
    const path = (name: string) => join(own, name)
    // It writes the next serial number there
    await writeFile(path('serial'), '0100\n')
    await writeFile(path('cnf'), ['[tsa]', `serial = ${path('serial')}`, ...lines, ''].join('\n'))
    await writeFile(path('query'), query)
    const files = ['-config', path('cnf'), '-queryfile', path('query'), '-out', path('reply')]
    await run('openssl', ['ts', '-reply', '-section', 'tsa', ...files])
    return readFile(path('reply'))
  }
}

/** The DER TSTInfo of a DER TimeStampResp, as OpenSSL takes it out. */
export function tstInfoOf(directory: string, reply: Buffer): Buffer {
  const work = mkdtempSync(join(directory, 'info-'))
  const path = (name: string) => join(work, name)
  writeFileSync(path('reply'), reply)
  openssl('ts', '-reply', '-in', path('reply'), '-token_out', '-out', path('token'))
  openssl('cms', '-verify', '-noverify', '-inform', 'DER', '-in', path('token'), '-out', path('info'))
  return readFileSync(path('info'))
}

export interface Forgery {
  readonly tstInfo: Buffer
  readonly signers: readonly Issued[]
  /** Sent beside the signers' certificates. */
  readonly chain?: readonly Issued[]
  readonly contentType?: string
  /** Arguments of `openssl cms -sign`; `-cades` for a signing-certificate by default. */
  readonly args?: readonly string[]
}

/** A DER TimeStampResp by `openssl cms`, which, other than `openssl ts`, signs with whatever it is given. */
export function forge(directory: string, forgery: Forgery): Buffer {
  const { tstInfo, signers, chain = [], contentType = TST_INFO, args = ['-cades'] } = forgery
  const work = mkdtempSync(join(directory, 'forgery-'))
  const path = (name: string) => join(work, name)
  writeFileSync(path('info'), tstInfo)
  const certificates =
    chain.length > 0 ? ['-certfile', writeBundle(path('chain.pem'), certificatesOf(chain))] : []
  openssl(
    ...['cms', '-sign', '-binary', '-nodetach', '-nosmimecap', '-econtent_type', contentType],
    ...signers.flatMap(({ certificateFile, keyFile }) => ['-signer', certificateFile, '-inkey', keyFile]),
    ...[...certificates, ...args, '-in', path('info'), '-outform', 'DER', '-out', path('token')],
  )
  return grant(readFileSync(path('token')))
}

/** DER `TimeStampResp ::= SEQUENCE { status SEQUENCE { status INTEGER }, timeStampToken }` (RFC 3161 2.4.2). */
export function grant(token: Buffer, status = 0): Buffer {
  const contents = Buffer.concat([Buffer.from([0x30, 3, 2, 1, status]), token])
  const header = Buffer.from([0x30, 0x82, 0, 0])
  header.writeUInt16BE(contents.length, 2)
  return Buffer.concat([header, contents])
}

export type Answer = (query: Buffer, response: ServerResponse, request: IncomingMessage) => unknown

export interface TimestampServer {
  readonly url: URL
  /** Requests that came, and how many there were at once at most. */
  readonly seen: { requests: IncomingMessage[]; atOnce: number; connections: number }
  answer: Answer
}

/** Serves what `answer` makes of each request, until the test ends. */
export async function startTimestampServer(
  t: Test,
  answer: Answer,
  tls?: ServerOptions,
): Promise<TimestampServer> {
  let atOnce = 0
  const seen: TimestampServer['seen'] = { requests: [], atOnce: 0, connections: 0 }
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    atOnce += 1
    seen.requests.push(request)
    seen.atOnce = Math.max(seen.atOnce, atOnce)
    response.on('close', () => {
      atOnce -= 1
    })
    await started.answer(await buffer(request), response, request)
  }
  const server: Server = tls ? createTlsServer(tls, listener) : createServer(listener)
  server.on(tls ? 'secureConnection' : 'connection', () => {
    seen.connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const started = { url: new URL(`${tls ? 'https' : 'http'}://127.0.0.1:${port}/tsa`), seen, answer }
  return started
}

/** As RFC 3161 3.4 has it. */
export function send(response: ServerResponse, reply: Buffer): void {
  response.setHeader('content-type', 'application/timestamp-reply')
  response.end(reply)
}

/** Whether OpenSSL verifies a token over data, with the chain of the token. */
export function verifies(directory: string, token: Uint8Array, data: Uint8Array, root: Issued): boolean {
  const work = mkdtempSync(join(directory, 'verify-'))
  writeFileSync(join(work, 'token'), token)
  writeFileSync(join(work, 'data'), data)
  const files = ['-in', join(work, 'token'), '-data', join(work, 'data'), '-CAfile', root.certificateFile]
  try {
    return openssl('ts', '-verify', '-token_in', ...files).includes('Verification: OK')
  } catch {
    return false
  }
}

function certificatesOf(issued: readonly Issued[]): X509Certificate[] {
  return issued.map(({ certificate }) => certificate)
}
