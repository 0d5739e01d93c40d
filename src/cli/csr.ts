/** Implements `signing-service csr`, which makes a certificate request that the key on the token signs. */
import type { Command } from 'commander'
import type { GeneralName, RelativeDistinguishedNames } from 'pkijs'
import { fingerprint } from '../algorithms/public-key.ts'
import { encodePem } from '../asn1/pem.ts'
import { checkNewFile, type Io, writeResult } from './io.ts'
import {
  type ExtendedKeyUsage,
  extendedKeyUsage,
  keyUsage,
  subjectAlternativeName,
} from './issuing/extensions.ts'
import { createCertificationRequest } from './issuing/issuing.ts'
import {
  addKeyOptions,
  addTokenOptions,
  alternativeNameOption,
  type KeyOptions,
  keyUsageOption,
  readHash,
  subjectOption,
} from './options.ts'
import { withTokenKey } from './with-key.ts'

const EXAMPLES = `
The key is that of HSM_KEY_LABEL and HSM_KEY_ID, or of --label and --id, or the only key of the token. It is RSA with
2048 to 4096 bits, or EC on P-256, P-384 or P-521, and its type decides how the request is signed. The request asks for
the key usages digitalSignature and nonRepudiation. A certificate authority makes the certificate, which belongs in
SIGNER_CERTIFICATE_FILE, or in the certificateFile of a signer in SIGNERS_FILE; for tests, "certify" makes one.

SUBJECT has the form of RFC 4514: the most specific part comes first, and a backslash before a comma in a value.

Examples:
  signing-service csr --label signer --subject 'CN=Signer,O=Example\\, Inc.,C=DE' --out signer.csr
  signing-service csr --subject CN=Signer --san email:signer@example.com --eku none --hash sha384
  signing-service csr --label letters --subject CN=Letters --out letters.csr
`

interface CsrOptions extends KeyOptions {
  readonly subject: RelativeDistinguishedNames
  readonly san?: GeneralName[]
  readonly eku: ExtendedKeyUsage
  readonly hash: string
  readonly out?: string
}

export function addCsrCommand(program: Command, io: Io): void {
  const command = addTokenOptions(program.command('csr'))
    .description('request a certificate for the key on the token (PKCS#10, PEM)')
    .addOption(subjectOption('subject').makeOptionMandatory())
    .addOption(alternativeNameOption('subject alternative name'))
    .addOption(keyUsageOption())
  addKeyOptions(command, 'key')
    .option('--out <file>', 'write the request to a new file')
    .addHelpText('after', EXAMPLES)
    .action((options: CsrOptions) => request(io, options))
}

async function request(io: Io, { subject, san = [], eku, ...options }: CsrOptions): Promise<void> {
  checkNewFile(options.out)
  const extensions = [keyUsage(), ...extendedKeyUsage(eku), ...subjectAlternativeName(san)]
  const made = await withTokenKey(io, options, readHash(options), async (key) => {
    const der = await createCertificationRequest(subject, extensions, key)
    const publicKey = key.publicKey.export({ type: 'spki', format: 'der' })
    return { request: encodePem('CERTIFICATE REQUEST', der), fingerprint: fingerprint(publicKey) }
  })
  writeResult(io, options, made.request, made)
}
