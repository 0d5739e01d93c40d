import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { signPdf } from '../../test/support/document-engine/sign-pdf.ts'
import type { Container, SignatureType } from '../../test/support/document-engine/signature-options.ts'
import { judge, type TrustAnchors } from './judge.ts'

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
  anchors: TrustAnchors
  /** Returns a token for one signature. */
  issueToken: () => Promise<string>
}

/** Signs the sample in each of the three ways into `folder`, and has every file validated. */
export async function signSample(options: SignSampleOptions): Promise<Verdict[]> {
  const sample = await readFile(options.samplePdf)
  return Promise.all(WAYS.map((way) => signInOneWay(sample, way, options)))
}

async function signInOneWay(sample: Buffer, way: Way, options: SignSampleOptions): Promise<Verdict> {
  const { description, container, type } = way
  try {
    const { pdf } = await signPdf({
      pdf: sample,
      url: options.url,
      container,
      type,
      signingToken: await options.issueToken(),
      name: 'Demo signer - NOT FOR PRODUCTION',
      reason: 'Demonstration',
    })
    const path = join(options.folder, way.file)
    await writeFile(path, pdf)
    const [judged] = await judge(pdf, options.anchors)
    if (judged === undefined) {
      return { description, path, valid: false, findings: ['the file has no signature'] }
    }
    const findings = judged.findings.map(({ tool, message }) => `${tool}: ${message}`)
    return { description, path, valid: judged.valid && judged.wholeDocument, findings }
  } catch (error) {
    const findings = [error instanceof Error ? error.message : String(error)]
    return { description, path: undefined, valid: false, findings }
  }
}
