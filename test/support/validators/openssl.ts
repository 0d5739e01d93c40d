import { runTool } from './run-tool.ts'
import { withTemporaryFiles } from './temporary-files.ts'

export interface Verification {
  valid: boolean
  /** What openssl printed to stderr: the reason, if it is not valid. */
  message: string
}

export interface VerifyCmsInput {
  /** DER of a detached SignedData. */
  cms: Uint8Array
  /** The bytes that it signs. */
  content: Uint8Array
  /** Path of a PEM file with the trust anchors; only the signature and no chain is checked without it. */
  trustAnchors?: string
  /** Requires a matching ESS signing-certificate attribute (`openssl cms -cades`). */
  cades?: boolean
}

/** Verifies a detached CMS with `openssl cms -verify`: message digest, signature and chain, for any purpose. */
export function verifyCms({ cms, content, trustAnchors, cades }: VerifyCmsInput): Promise<Verification> {
  const trust = trustAnchors === undefined ? ['-noverify'] : ['-CAfile', trustAnchors, '-purpose', 'any']
  return withTemporaryFiles({ cms, content }, async (path) => {
    const input = ['-inform', 'DER', '-in', path.cms, '-content', path.content, '-out', '/dev/null']
    const options = cades ? ['-cades'] : []
    const { exitCode, stderr } = await runTool('openssl', [
      'cms',
      '-verify',
      '-binary',
      ...input,
      ...trust,
      ...options,
    ])
    return { valid: exitCode === 0, message: stderr.trim() }
  })
}

export interface VerifySignatureInput {
  /** PEM of the signer's certificate. */
  certificate: Uint8Array | string
  /** OpenSSL's name of the hash: sha1, sha256, ... */
  hash: string
  data: Uint8Array
  /** Bare signature octets. */
  signature: Uint8Array
}

/** Verifies bare signature octets with the public key of a certificate (`openssl dgst -verify`). */
export function verifySignature(input: VerifySignatureInput): Promise<Verification> {
  const { certificate, data, signature } = input
  return withTemporaryFiles({ certificate, data, signature, publicKey: '' }, async (path) => {
    const read = ['x509', '-in', path.certificate, '-pubkey', '-noout', '-out', path.publicKey]
    const extracted = await runTool('openssl', read)
    if (extracted.exitCode !== 0) return { valid: false, message: extracted.stderr.trim() }
    const verify = [
      'dgst',
      `-${input.hash}`,
      '-verify',
      path.publicKey,
      '-signature',
      path.signature,
      path.data,
    ]
    const { exitCode, stdout, stderr } = await runTool('openssl', verify)
    return { valid: exitCode === 0, message: `${stdout}${stderr}`.trim() }
  })
}

export interface VerifyTimestampInput {
  /** DER TimeStampToken. */
  token: Uint8Array
  /** The bytes that it is over. */
  data: Uint8Array
  /** Path of a PEM file; the certificates between are those of the token. */
  trustAnchors: string
}

/** Verifies a timestamp with `openssl ts -verify`: message imprint, signature, chain and the authority's purpose. */
export function verifyTimestamp({ token, data, trustAnchors }: VerifyTimestampInput): Promise<Verification> {
  return withTemporaryFiles({ token, data }, async (path) => {
    const input = ['-token_in', '-in', path.token, '-data', path.data, '-CAfile', trustAnchors]
    const { exitCode, stdout, stderr } = await runTool('openssl', ['ts', '-verify', ...input])
    return { valid: exitCode === 0, message: `${stdout}${stderr}`.trim() }
  })
}

async function print(args: string[], der: Uint8Array): Promise<string> {
  return withTemporaryFiles({ der }, async (path) => {
    const { exitCode, stdout, stderr } = await runTool('openssl', [
      ...args,
      '-in',
      path.der,
      '-inform',
      'DER',
    ])
    if (exitCode !== 0) throw new Error(stderr.trim())
    return stdout
  })
}

/** The structure of DER as `openssl asn1parse` prints it; throws if it is not DER. */
export function asn1Parse(der: Uint8Array): Promise<string> {
  return print(['asn1parse', '-i'], der)
}

/** The fields of a CMS by name as `openssl cms -cmsout -print` prints them; throws if it is no CMS. */
export function printCms(der: Uint8Array): Promise<string> {
  return print(['cms', '-cmsout', '-print', '-noout'], der)
}
