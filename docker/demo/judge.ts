import { readTimestamps } from '../../test/support/document-engine/signed-data.ts'
import { verifyCms, verifyTimestamp } from '../../test/support/validators/openssl.ts'
import { type PdfSignature, readPdfSignatures } from '../../test/support/validators/pdf-signatures.ts'
import { type PdfsigSignature, pdfsig } from '../../test/support/validators/pdfsig.ts'

/** The verdict of one tool about one signature. */
export interface Finding {
  readonly tool: string
  readonly valid: boolean
  /** The words of the tool. */
  readonly message: string
}

export interface JudgedSignature {
  readonly fieldName: string
  readonly signerName: string
  readonly subFilter: string
  /** Whether all tools say so, and the certificate is trusted. */
  readonly valid: boolean
  /** Whether nothing was appended after it. */
  readonly wholeDocument: boolean
  readonly findings: readonly Finding[]
}

export interface TrustAnchors {
  /** Trust anchors for pdfsig, as `makeNssDatabase` returns them. */
  readonly nssDatabase: string
  /** Trust anchors for OpenSSL: path of a PEM file. */
  readonly root: string
}

/**
 * Has each signature of a PDF judged by pdfsig and OpenSSL, which share no code with the service.
 *
 * @throws Error with pdfsig's words where it cannot read the PDF
 */
export async function judge(pdf: Uint8Array, anchors: TrustAnchors): Promise<JudgedSignature[]> {
  const { signatures } = await pdfsig(pdf, anchors.nssDatabase)
  const embedded = readPdfSignatures(pdf)
  if (signatures.length > embedded.length) {
    throw new Error(`pdfsig tells of ${signatures.length} signatures, and the PDF has ${embedded.length}`)
  }
  const judged: JudgedSignature[] = []
  // One after another, as each takes a copy of the file
  for (const [index, signature] of embedded.entries()) {
    judged.push(await judgeSignature(signature, signatures[index], index === 0, anchors))
  }
  return judged
}

async function judgeSignature(
  { cms, signedBytes: content, coversAll }: PdfSignature,
  reported: PdfsigSignature | undefined,
  isFirst: boolean,
  { root }: TrustAnchors,
): Promise<JudgedSignature> {
  const subFilter = reported?.subFilter ?? 'unknown'
  const cades = subFilter === 'ETSI.CAdES.detached'
  const verified = await verifyCms({ cms, content, trustAnchors: root, cades })
  const findings: Finding[] = [
    ofPdfsig(reported, isFirst),
    { tool: 'openssl cms -verify', ...verified, message: firstLine(verified.message) },
  ]
  // Only a container that OpenSSL could read has timestamps to judge
  for (const { token, signature } of verified.valid ? readTimestamps(cms) : []) {
    const { valid, message } = await verifyTimestamp({ token, data: signature, trustAnchors: root })
    findings.push({ tool: 'openssl ts -verify', valid, message: firstLine(message) })
  }
  return {
    fieldName: reported?.fieldName ?? 'unknown',
    signerName: reported?.signerName ?? 'unknown',
    subFilter,
    valid: findings.every(({ valid }) => valid),
    wholeDocument: coversAll && reported?.wholeDocument === true,
    findings,
  }
}

/** @param isFirst of the file: pdfsig's word about a certificate counts for that one alone (see PdfsigSignature) */
function ofPdfsig(reported: PdfsigSignature | undefined, isFirst: boolean): Finding {
  if (reported === undefined)
    return { tool: 'pdfsig', valid: false, message: 'It does not see this signature.' }
  const { valid, trusted, validation, certificateValidation } = reported
  return isFirst
    ? { tool: 'pdfsig', valid: valid && trusted, message: `${validation} ${certificateValidation}` }
    : { tool: 'pdfsig', valid, message: `${validation}` }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] as string
}
