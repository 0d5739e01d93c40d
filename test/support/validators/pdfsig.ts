import { runTool } from './run-tool.ts'
import { withTemporaryFiles } from './temporary-files.ts'

export interface PdfsigSignature {
  fieldName: string | undefined
  /** Common name of the signer's certificate. */
  signerName: string | undefined
  /** As pdfsig spells it: `SHA-256`. */
  hash: string | undefined
  subFilter: string | undefined
  /**
   * Whether the bytes are unchanged and the signature is the certificate's: says nothing about trust. poppler 22.12
   * reports every SHA-224 signature as "Digest Mismatch"; ask OpenSSL about those.
   */
  valid: boolean
  /** The line behind `valid`, for messages. */
  validation: string | undefined
  /** Whether nothing was appended after this signature. */
  wholeDocument: boolean
  /**
   * Whether the chain ends at an anchor of the NSS database. Ask this of the first signature only: poppler 22.12
   * keeps NSS's last error, so that those after a trusted one come out as "Unknown issue with Certificate".
   */
  trusted: boolean
  /** The line behind `trusted`, for messages. */
  certificateValidation: string | undefined
}

export interface PdfsigReport {
  signatures: PdfsigSignature[]
}

/**
 * Reads what pdfsig prints; lines it does not know are passed over.
 *
 * @throws Error if there are two lines of a kind: pdfsig prints line breaks of names, so that one is the PDF's own word
 */
export function parsePdfsig(output: string): PdfsigReport {
  const [, ...sections] = output.split(/^Signature #\d+:$/m)
  return {
    signatures: sections.map((section) => {
      const lines = section.split('\n')
      const value = (label: string): string | undefined => {
        const [one, second] = lines.filter((line) => line.startsWith(`  - ${label}`))
        if (second !== undefined)
          throw new Error(`pdfsig: a name in the PDF has line breaks and a line "${label}"`)
        return one?.slice(`  - ${label}: `.length).trim()
      }
      const validation = value('Signature Validation')
      const certificateValidation = value('Certificate Validation')
      return {
        fieldName: value('Signature Field Name'),
        signerName: value('Signer Certificate Common Name'),
        hash: value('Signing Hash Algorithm'),
        subFilter: value('Signature Type'),
        valid: validation === 'Signature is Valid.',
        validation,
        wholeDocument:
          value('Not total document signed') === undefined && value('Total document signed') !== undefined,
        trusted: certificateValidation === 'Certificate is Trusted.',
        certificateValidation,
      }
    }),
  }
}

/**
 * Validates every signature of a PDF with poppler's pdfsig, in the order of the file.
 *
 * `-no-ocsp` is not passed: with it poppler 22.12 reports every trusted certificate as "Unknown issue". Give test
 * certificates no OCSP address, so that nothing is asked.
 *
 * @param nssDatabase trust anchors, as `makeNssDatabase` returns them
 */
export function pdfsig(pdf: Uint8Array, nssDatabase?: string): Promise<PdfsigReport> {
  return withTemporaryFiles({ pdf }, async (path) => {
    const trust = nssDatabase === undefined ? [] : ['-nssdir', nssDatabase]
    const { exitCode, stdout, stderr } = await runTool('pdfsig', [...trust, path.pdf])
    // 2 says that the PDF has no signature.
    if (exitCode !== 0 && exitCode !== 2) throw new Error(`pdfsig: ${stderr.trim() || stdout.trim()}`)
    return parsePdfsig(stdout)
  })
}
