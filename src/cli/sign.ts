/** Implements `signing-service sign`, which signs a file, detached, as the service makes its containers. */
import { type Command, Option } from 'commander'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { encodePem } from '../asn1/pem.ts'
import type { SignatureType } from '../cms/signed-attributes.ts'
import { defined } from '../common/defined.ts'
import { NOT_ALLOWED_FOR_SIGNER } from '../errors.ts'
import type { SignOptions as SigningOptions } from '../pkcs11/pool/signing-jobs.ts'
import { parseHashAlgorithm } from '../requests/fields.ts'
import type { Signer } from '../signers/signer.ts'
import { Signers } from '../signers/signers.ts'
import { checkAllowed, isDocumented } from '../signing/check-allowed.ts'
import { createContainer } from '../signing/create-container.ts'
import { loadForSigning } from './configuration.ts'
import { type Document, readDocument } from './document.ts'
import { checkNewFile, type Io, writeResult } from './io.ts'
import { addTokenOptions, hashOption, readHash, type TokenOptions } from './options.ts'
import { waitUntil } from './wait-until.ts'
import { withKey } from './with-key.ts'

const EXAMPLES = `
Takes the configuration of the service, and signs as the service does: it embeds the signer certificate and its issuers,
and verifies the signature before it is written. It signs the whole file, even if that is a PDF; only the service makes
signatures inside PDFs. Both types have the time of signing by this machine's clock, which CAdES requires (EN 319 122-1
6.3), and which only signatures inside PDFs must not have. The type cades is CAdES-BASELINE-B, -T or -LT, as LEVEL says.
At level b-lt, revocation information is in SignedData.crls, which NSS and gpgsm cannot read if it holds OCSP responses.
If SIGNERS_FILE has several signers, the default one signs, or that of --signer, which is required without a default.

With --raw it is the signature alone, in base64, as "sign" of the callback makes it of data_to_be_signed: PKCS#1 v1.5 with an RSA
key. "openssl dgst -sha256 -verify PUBLIC_KEY -signature SIGNATURE FILE" verifies its octets.

With - in place of the file, it signs what standard input has, to its end. The PIN is configured then, since there is no
terminal to ask for it at.

Examples:
  signing-service sign contract.xml --out contract.xml.p7s
  signing-service sign contract.xml --type cms --hash sha512 --pem
  signing-service sign contract.xml --signer contracts --out contract.xml.p7s
  signing-service sign contract.xml --raw | base64 -d > contract.xml.sig
  gzip --decompress --stdout contract.xml.gz | signing-service sign - --out contract.xml.p7s
`

interface SignOptions extends TokenOptions {
  readonly signer?: string
  readonly type: SignatureType
  readonly hash: string
  readonly pem?: boolean
  readonly raw?: boolean
  readonly out?: string
}

export function addSignCommand(program: Command, io: Io): void {
  addTokenOptions(program.command('sign'))
    .description('sign a file (detached CMS, DER)')
    .argument('<file>', 'what is signed; - is standard input')
    .addOption(new Option('--type <type>', 'signed attributes').choices(['cms', 'cades']).default('cades'))
    .addOption(hashOption())
    .option('--signer <name>', 'which of several signers, in place of the default')
    .option('--pem', 'write PEM in place of DER')
    .addOption(new Option('--raw', 'write the signature alone, in base64').conflicts(['pem', 'type']))
    .option('--out <file>', 'write the signature to a new file')
    .addHelpText('after', EXAMPLES)
    .action((file: string, options: SignOptions) => sign(io, file, options))
}

async function sign(io: Io, file: string, { type, pem, raw, ...options }: SignOptions): Promise<void> {
  checkNewFile(options.out)
  const hashAlgorithm = readHash(options)
  const { configuration, signer: chosen, givenPin } = await loadForSigning(io, options)
  const limitMs = options.timeout * 1000
  const withSigner = <Result>(act: (signer: Signer) => Promise<Result>) =>
    withKey(
      ({ observer, ...events }) => {
        const only = { ...configuration.signers, default: chosen.name, signers: [chosen] }
        return new Signers(only, {
          ...configuration,
          ...events,
          ...defined({ givenPin }),
          createObserver: () => observer,
          revocationObserver: { asked: ignore },
          timestampObserver: { asked: ignore },
        })
      },
      { openMs: limitMs, closeMs: configuration.hsm.timeoutMs },
      (signers) => {
        const signer = signers.choose(chosen.name)
        parseHashAlgorithm(hashAlgorithm.name, signer.rules)
        return act(signer)
      },
    )
  const limit = (): SigningOptions => ({ deadline: performance.now() + configuration.hsm.timeoutMs })
  const hash = hashAlgorithm.name
  if (raw === true) {
    const made = await withSigner((signer) =>
      signRaw(signer, hashAlgorithm, (kept) => readDocument(io, file, hashAlgorithm, { kept }), limit),
    )
    const signature = Buffer.from(made.signature).toString('base64')
    writeResult(io, options, `${signature}\n`, { signer: made.subject, hash, signature })
    return
  }
  // No token is held while standard input is waited for
  const { digest: messageDigest } = await readDocument(io, file, hashAlgorithm, { kept: false })
  const { subject, der, level, shortfall } = await withSigner(async (signer) => {
    checkAllowed(signer, 'pkcs7', type)
    // The service has it ahead of time, while a command has only just begun to ask. What is missing then is reported
    await waitUntil(limitMs, () => signer.missingEvidence().length === 0)
    const request = { type, hashAlgorithm, messageDigest, overFile: true } as const
    const container = await createContainer(request, { signer, options: limit() })
    return { ...container, subject: signer.certificate().validity[0]?.subject }
  })
  if (shortfall !== undefined) {
    io.errors.write(`The signature has level ${level} only: ${shortfall}\n`)
  }
  const summary = { signer: subject, type, level, hash, signature: der.toString('base64') }
  writeResult(io, options, pem ? encodePem('CMS', der) : der, summary)
}

/**
 * Signs a document, without a container.
 *
 * @param read reads the document, and keeps it if asked to
 * @param limit options of a signature that begins now
 */
async function signRaw(
  signer: Signer,
  hashAlgorithm: HashAlgorithm,
  read: (kept: boolean) => Promise<Document>,
  limit: () => SigningOptions,
): Promise<{ readonly signature: Uint8Array; readonly subject: string | undefined }> {
  checkAllowed(signer, 'raw')
  if (signer.rules.rawSigning === 'signed-attributes') {
    throw new NOT_ALLOWED_FOR_SIGNER(
      'RAW_SIGNING: this signer makes raw signatures over signed attributes alone',
    )
  }
  // node:crypto verifies PSS and ECDSA with the message alone
  const document = await read(!isDocumented(signer))
  const signerCertificate = signer.validCertificate()
  const signature = await signer.sign(signerCertificate, hashAlgorithm, document, limit())
  return { signature, subject: signerCertificate.validity[0]?.subject }
}

/** Counts nothing, since a command has no metrics. */
function ignore(): void {}
