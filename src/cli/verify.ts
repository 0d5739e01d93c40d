/** `signing-service verify`: whether a detached signature is one over a file, and whose. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Variables } from '../configuration/variables.ts'
import { type DetachedSignature, parseDetachedSignature } from '../signature/detached-signature.ts'
import { describeWrongSignature } from '../signature/foreign-signature.ts'
import { parseCertificates } from '../signers/certificate-file.ts'
import { validityPeriod } from '../signers/validity.ts'
import { type TrustAnchors, traceToAnchor } from '../x509/trust.ts'
import { digestInput } from './digest-input.ts'
import { CommandFailed } from './exit-codes.ts'
import type { Io } from './io.ts'
import { printable } from './table.ts'
import { useFile } from './use-file.ts'

const EXAMPLES = `
Verified are the digest of the file, the signature over the signed attributes (RSA with PKCS#1 v1.5 or PSS, or ECDSA), and
the way from the signer certificate to a self-signed one of the CA file, at this moment. Nobody is asked whether a
certificate was revoked.

Exit code 0: valid; 1: not.

Examples:
  signing-service verify contract.xml --signature contract.xml.p7s --ca ca-bundle.pem
  signing-service verify contract.xml --signature contract.xml.p7s --json
`

interface VerifyOptions {
  readonly signature: string
  readonly ca?: string
  readonly json?: boolean
}

/** What is wrong with each part; undefined where it is right. */
interface Verdicts {
  readonly digest: string | undefined
  readonly signature: string | undefined
  readonly chain: string | undefined
}

export function addVerifyCommand(program: Command, io: Io): void {
  program
    .command('verify')
    .description('verify a detached signature over a file')
    .argument('<file>', 'what was signed')
    .requiredOption('--signature <file>', 'the signature, CMS as DER or PEM')
    .option('--ca <file>', 'certificates that are trusted, in place of CA_CERTIFICATES_FILE')
    .option('--json', 'print JSON, for machines')
    .addHelpText('after', EXAMPLES)
    .action((file: string, options: VerifyOptions) => verify(io, file, options))
}

async function verify(
  io: Io,
  file: string,
  { signature: signatureFile, ca, json }: VerifyOptions,
): Promise<void> {
  const anchors = readAnchors(ca, io.environment)
  const signature = useFile(signatureFile, () => parseDetachedSignature(readFileSync(signatureFile)))
  const { signer, hashAlgorithm, signingTime } = signature
  const actual = await digestInput(hashAlgorithm, file)
  const verdicts = useFile(signatureFile, () => judge(signature, actual, anchors))
  const valid = Object.values(verdicts).every((problem) => problem === undefined)
  const about = {
    signer: validityPeriod(signer).subject,
    serial: signer.serialNumber,
    hash: hashAlgorithm.name,
    signingTime: signingTime?.toISOString() ?? null,
  }
  io.output.write(
    json
      ? `${JSON.stringify({ valid, ...about, problems: verdicts }, null, 2)}\n`
      : formatReport(about, verdicts, valid),
  )
  if (!valid) {
    throw new CommandFailed('')
  }
}

function readAnchors(ca: string | undefined, { CA_CERTIFICATES_FILE }: Variables): TrustAnchors {
  const file = ca ?? (CA_CERTIFICATES_FILE || undefined)
  if (file === undefined) {
    throw new CommandFailed('there is nothing to trust: set CA_CERTIFICATES_FILE, or --ca')
  }
  return useFile(file, () => parseCertificates(readFileSync(file)))
}

function judge(signature: DetachedSignature, actual: Buffer, anchors: TrustAnchors): Verdicts {
  const { signer, certificates, messageDigest, signedAttributes } = signature
  const { publicKey } = signer
  const chain = traceToAnchor(signer, certificates, anchors, new Date())
  return {
    digest: actual.equals(messageDigest) ? undefined : 'the file is not the one that was signed',
    signature: describeWrongSignature({ ...signature, publicKey, message: signedAttributes }),
    chain: typeof chain === 'string' ? chain : undefined,
  }
}

function formatReport(
  about: {
    readonly signer: string
    readonly serial: string
    readonly hash: string
    readonly signingTime: string | null
  },
  { digest, signature, chain }: Verdicts,
  valid: boolean,
): string {
  const lines = [
    ['signer', about.signer],
    ['serial', about.serial],
    ['hash', about.hash],
    ['signed at', about.signingTime === null ? 'not told' : `${about.signingTime}, by the signer's clock`],
    ['digest', digest ?? 'ok'],
    ['signature', signature ?? 'ok'],
    ['chain', chain ?? 'ok'],
    ['result', valid ? 'valid' : 'NOT VALID'],
  ]
  return lines.map(([name = '', text = '']) => `${name.padEnd(11)}${printable(text)}\n`).join('')
}
