/** Containers that this project's sources have no part in: by OpenSSL, or with a key of a file. */
import { sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type * as asn1js from 'asn1js'
import { type Issued, writeBundle } from './certificates.ts'
import { sortedSetOf } from './document-engine/der.ts'
import { digest } from './document-engine/hash.ts'
import { rawContainer } from './document-engine/raw-container.ts'
import type { HashAlgorithm, SignatureType } from './document-engine/signature-options.ts'
import { dataToBeSigned, signedAttributes } from './document-engine/signed-attributes.ts'
import { runTool } from './validators/run-tool.ts'
import { withTemporaryFiles } from './validators/temporary-files.ts'

export interface OpensslContainer {
  readonly content: Uint8Array
  readonly signers: readonly Pick<Issued, 'certificateFile' | 'keyFile'>[]
  /** Embedded beside the signers. */
  readonly chain: readonly Issued[]
  readonly hash: HashAlgorithm
  /** With signing-certificate, and signing-time all the same. */
  readonly cades: boolean
  readonly pss?: boolean
  /** With the content inside. */
  readonly attached?: boolean
  readonly withoutCertificates?: boolean
}

/** A detached CMS by `openssl cms -sign`. */
export function signWithOpenssl(options: OpensslContainer): Promise<Buffer> {
  const { content, signers, chain, hash, cades, pss = false, attached, withoutCertificates } = options
  return withTemporaryFiles({ content, chain: '', cms: '' }, async (path) => {
    writeBundle(
      path.chain,
      chain.map(({ certificate }) => certificate),
    )
    const padding = ['rsa_padding_mode:pss', 'rsa_pss_saltlen:digest'].flatMap((one) => ['-keyopt', one])
    const { exitCode, stderr } = await runTool('openssl', [
      ...['cms', '-sign', '-binary', '-md', hash === 'sha160' ? 'sha1' : hash],
      ...(chain.length > 0 ? ['-certfile', path.chain] : []),
      ...signers.flatMap(({ certificateFile, keyFile }) => [
        ...['-signer', certificateFile, '-inkey', keyFile],
        ...(pss ? padding : []),
      ]),
      ...(cades ? ['-cades'] : []),
      ...(attached ? ['-nodetach'] : []),
      ...(withoutCertificates ? ['-nocerts'] : []),
      ...['-in', path.content, '-outform', 'DER', '-out', path.cms],
    ])
    if (exitCode !== 0) {
      throw new Error(`openssl cms -sign: ${stderr.trim()}`)
    }
    return readFile(path.cms)
  })
}

export interface SoftwareContainer {
  readonly content: Uint8Array
  /** With an RSA key. */
  readonly signer: Issued
  /** Which signing-certificate-v2 is about; the signer's by default. */
  readonly named?: Issued
  readonly chain: readonly Issued[]
  readonly type: SignatureType
  /** Further signed attributes. */
  readonly attributes?: readonly asn1js.BaseBlock[]
}

/** A detached CMS as Document Engine builds it around a raw signature, with SHA-256. */
export function signInSoftware(options: SoftwareContainer): Buffer {
  const { content, signer, named = signer, chain, type, attributes = [] } = options
  const contentDigest = digest('sha256', content)
  const leafDigest = digest('sha256', named.certificate.raw)
  const all = sortedSetOf([
    ...signedAttributes({ type, contentDigest, leafDigest, signingTime: new Date() }),
    ...attributes,
  ])
  return rawContainer({
    ...{ hash: 'sha256', attributes: all },
    certificates: [signer.certificate.raw, ...chain.map(({ certificate }) => certificate.raw)],
    signature: sign('sha256', dataToBeSigned(all), readFileSync(signer.keyFile)),
  })
}
