/** What an authority says about the certificates that it has issued, in the words of openssl. */
import { execFile, spawnSync } from 'node:child_process'
import type { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Issued, openssl } from './certificates.ts'

const run = promisify(execFile)

/** As `openssl ca` has it: `20260102030405Z`, or without the century. */
export function asn1Time(date: Date, from = 0): string {
  return `${date.toISOString().replace(/[-:T]/g, '').slice(from, 14)}Z`
}

export interface ResponseOptions {
  /** Whose key signs; the authority's by default. */
  readonly signer?: Issued
  /** Arguments of `openssl ocsp` about the answer; one day by default. */
  readonly args?: readonly string[]
}

export interface CrlOptions {
  readonly signer?: Issued
  readonly thisUpdate?: Date
  readonly nextUpdate?: Date
  /** Lines of a section of extensions, and after them sections that these refer to; without any the CRL is of version 1. */
  readonly extensions?: readonly string[]
  /** Arguments of `openssl ca` about how it is signed. */
  readonly args?: readonly string[]
}

export class RevocationAuthority {
  readonly issued: Issued
  readonly #directory: string
  readonly #lines = new Map<string, string>()

  /** @param directory for files */
  constructor(directory: string, issued: Issued) {
    this.issued = issued
    this.#directory = mkdtempSync(join(directory, 'authority-'))
  }

  /** The certificate is one of those that the authority knows. */
  know(certificate: X509Certificate): void {
    this.#enter(certificate.serialNumber, 'V', '')
  }

  /** @param reason as `openssl ca -crl_reason` has it */
  revoke({ serialNumber }: Pick<X509Certificate, 'serialNumber'>, at: Date, reason?: string): void {
    this.#enter(serialNumber, 'R', `${asn1Time(at, 2)}${reason === undefined ? '' : `,${reason}`}`)
  }

  forget({ serialNumber }: X509Certificate): void {
    this.#lines.delete(serialNumber)
  }

  /** @param request DER OCSPRequest */
  async respond(request: Buffer, { signer = this.issued, args = ['-ndays', '1'] }: ResponseOptions = {}) {
    const path = this.#work()
    writeFileSync(path('request.der'), request)
    await run('openssl', [
      ...['ocsp', '-index', path('index'), '-CA', this.issued.certificateFile],
      ...['-rsigner', signer.certificateFile, '-rkey', signer.keyFile],
      ...['-reqin', path('request.der'), '-respout', path('response.der'), ...args],
    ])
    return readFileSync(path('response.der'))
  }

  async crl(options: CrlOptions = {}): Promise<Buffer> {
    const { signer = this.issued, args = [], extensions } = options
    const day = 86_400_000
    const path = this.#work()
    const section = extensions === undefined ? '' : `[crl]\n${extensions.join('\n')}\n`
    writeFileSync(
      path('openssl.cnf'),
      `[ca]\ndefault_ca = test\n[test]\ndatabase = ${path('index')}\n${section}`,
    )
    await run('openssl', [
      ...['ca', '-gencrl', '-config', path('openssl.cnf'), '-md', 'sha256'],
      ...['-cert', signer.certificateFile, '-keyfile', signer.keyFile],
      ...(extensions === undefined ? [] : ['-crlexts', 'crl']),
      ...['-crl_lastupdate', asn1Time(options.thisUpdate ?? new Date(Date.now() - day))],
      ...['-crl_nextupdate', asn1Time(options.nextUpdate ?? new Date(Date.now() + day))],
      ...['-out', path('crl.pem'), ...args],
    ])
    openssl('crl', '-in', path('crl.pem'), '-outform', 'DER', '-out', path('crl.der'))
    return readFileSync(path('crl.der'))
  }

  #enter(serialNumber: string, state: string, revoked: string): void {
    const serial = serialNumber.length % 2 === 0 ? serialNumber : `0${serialNumber}`
    this.#lines.set(serialNumber, `${state}\t400101000000Z\t${revoked}\t${serial}\tunknown\t/CN=any\n`)
  }

  #work(): (name: string) => string {
    const work = mkdtempSync(join(this.#directory, 'work-'))
    writeFileSync(join(work, 'index'), [...this.#lines.values()].join(''))
    writeFileSync(join(work, 'index.attr'), 'unique_subject = no\n')
    return (name) => join(work, name)
  }
}

/**
 * `good`, `revoked` or `unknown`, as openssl reads an OCSP answer and can verify it; undefined where it does not.
 *
 * @param at moment at which certificates must be valid
 */
export function judgeOcsp(...judged: Parameters<typeof readOcsp>): string | undefined {
  const { status, verified, current } = readOcsp(...judged)
  return verified && current ? status : undefined
}

/** Has openssl read an OCSP answer, and returns its status, whether its signature is right, and whether its times are. */
export function readOcsp(
  directory: string,
  response: Buffer,
  { certificate, issuer, root }: { certificate: Issued; issuer: Issued; root: Issued },
  at = new Date(),
): { status: string | undefined; verified: boolean; current: boolean } {
  const file = join(mkdtempSync(join(directory, 'judge-')), 'response.der')
  writeFileSync(file, response)
  const { stdout, stderr } = spawnSync(
    'openssl',
    [
      ...['ocsp', '-respin', file, '-no_nonce', '-issuer', issuer.certificateFile],
      ...['-cert', certificate.certificateFile, '-CAfile', root.certificateFile],
      ...['-verify_other', issuer.certificateFile, '-attime', `${Math.floor(at.getTime() / 1000)}`],
    ],
    { encoding: 'utf8' },
  )
  const [, status] = /(?:^|: )(good|revoked|unknown)$/m.exec(stdout) ?? []
  return {
    status,
    verified: stderr.includes('Response verify OK'),
    current: !stdout.includes('WARNING'),
  }
}

/** Whether openssl verifies the CRL with the certificate of its issuer. */
export function judgeCrl(directory: string, crl: Buffer, issuer: Issued): boolean {
  const file = join(mkdtempSync(join(directory, 'judge-')), 'crl.der')
  writeFileSync(file, crl)
  const args = ['crl', '-inform', 'DER', '-in', file, '-noout', '-verify', '-CAfile', issuer.certificateFile]
  return spawnSync('openssl', args, { encoding: 'utf8' }).stderr.includes('verify OK')
}
