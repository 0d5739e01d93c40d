import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { signPdf } from '../../test/support/document-engine/sign-pdf.ts'
import type { Container, SignatureType } from '../../test/support/document-engine/signature-options.ts'
import { verifyCms } from '../../test/support/validators/openssl.ts'
import { readPdfSignatures } from '../../test/support/validators/pdf-signatures.ts'
import { pdfsig } from '../../test/support/validators/pdfsig.ts'

interface Way {
  file: string
  description: string
  container: Container
  type: SignatureType
}

const WAYS: readonly Way[] = [
  { file: 'cades-raw.pdf', description: 'CAdES, raw signature', container: 'raw', type: 'cades' },
  { file: 'cms-pkcs7.pdf', description: 'CMS, PKCS#7 container', container: 'pkcs7', type: 'cms' },
  { file: 'cades-pkcs7.pdf', description: 'CAdES, PKCS#7 container', container: 'pkcs7', type: 'cades' },
]

/** One signed file and what the validators say of it. */
export interface Verdict {
  description: string
  /** Path of the signed PDF; undefined if it could not be signed. */
  path: string | undefined
  valid: boolean
  /** Each validator's words, or why there is no signature. */
  findings: readonly string[]
}

export interface SignSampleOptions {
  url: string
  samplePdf: string
  folder: string
  /** Trust anchors for pdfsig, as `makeNssDatabase` returns them. */
  nssDatabase: string
  /** Trust anchors for OpenSSL: path of a PEM file. */
  root: string
}

async function validate(pdf: Buffer, way: Way, { nssDatabase, root }: SignSampleOptions) {
  const [reported] = (await pdfsig(pdf, nssDatabase)).signatures
  const [embedded] = readPdfSignatures(pdf)
  if (!reported || !embedded) return { valid: false, findings: ['the file has no signature'] }
  const byOpenssl = await verifyCms({
    cms: embedded.cms,
    content: embedded.signedBytes,
    trustAnchors: root,
    cades: way.type === 'cades',
  })
  return {
    valid: reported.valid && reported.trusted && reported.wholeDocument && byOpenssl.valid,
    findings: [
      `pdfsig: ${reported.validation} ${reported.certificateValidation}` +
        (reported.wholeDocument ? '' : ' Not the whole document is signed.'),
      `openssl cms -verify: ${byOpenssl.message.split('\n')[0]}`,
    ],
  }
}

/** Signs the sample in each of the three ways into `folder`, and has every file validated. */
export async function signSample(options: SignSampleOptions): Promise<Verdict[]> {
  const sample = await readFile(options.samplePdf)
  const verdicts: Verdict[] = []
  for (const way of WAYS) {
    const { description, container, type } = way
    try {
      const { pdf } = await signPdf({
        pdf: sample,
        url: options.url,
        container,
        type,
        name: 'Demo signer - NOT FOR PRODUCTION',
        reason: 'Demonstration',
      })
      const path = join(options.folder, way.file)
      await writeFile(path, pdf)
      verdicts.push({ description, path, ...(await validate(pdf, way, options)) })
    } catch (error) {
      const findings = [error instanceof Error ? error.message : String(error)]
      verdicts.push({ description, path: undefined, valid: false, findings })
    }
  }
  return verdicts
}
