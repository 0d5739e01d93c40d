/** Implements `signing-service delete-cert`, which deletes a certificate from the token, such as a renewed one. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { administer } from '../pkcs11/administration/administer.ts'
import type { CertificateDescription } from '../pkcs11/administration/certificates.ts'
import { formatFields } from './certs.ts'
import { confirm } from './confirm.ts'
import { CommandFailed } from './exit-codes.ts'
import type { Io } from './io.ts'
import { printable } from './table.ts'
import { addTokenOptions, findAccess, type TokenOptions } from './token-options.ts'

const EXAMPLES = `
The certificate is named by the SHA-256 of its DER, which "certs" lists and "openssl x509 -in FILE -noout -fingerprint
-sha256" prints. The private key is not touched. The certificate is shown before it is deleted, and a person at the
terminal confirms that, or --yes does.

Examples:
  signing-service delete-cert --fingerprint "$(openssl x509 -in old.pem -noout -fingerprint -sha256 | cut -d= -f2)"
`

interface DeleteOptions extends TokenOptions {
  readonly fingerprint: string
  readonly yes?: boolean
}

export function addDeleteCertCommand(program: Command, io: Io): void {
  addTokenOptions(program.command('delete-cert'))
    .description('delete a certificate from the token')
    .addOption(
      new Option('--fingerprint <sha256>', 'SHA-256 of the certificate, hex')
        .argParser(parseFingerprint)
        .makeOptionMandatory(),
    )
    .option('--yes', 'delete without asking')
    .addHelpText('after', EXAMPLES)
    .action((options: DeleteOptions) => deleteCertificate(io, options))
}

function parseFingerprint(value: string): string {
  const hex = value.replaceAll(':', '').toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(hex)) {
    throw new InvalidArgumentError('It must be a SHA-256 in hex, 64 digits, with or without colons.')
  }
  return hex
}

async function deleteCertificate(io: Io, { fingerprint, yes, ...options }: DeleteOptions): Promise<void> {
  const limitMs = options.timeout * 1000
  const access = await findAccess(io, options)
  const certificates = await administer('certs', [access], limitMs)
  const found = certificates.find((certificate) => certificate.fingerprint === fingerprint)
  if (found === undefined) {
    throw new CommandFailed(
      'the token holds no certificate with this fingerprint; "signing-service certs" lists them',
    )
  }
  io.errors.write(describe(found, certificates))
  if (!yes) {
    await confirm(io, 'Delete it from the token?')
  }
  const deleted = await administer('delete-cert', [access, fingerprint], limitMs)
  io.output.write(options.json ? `${JSON.stringify(deleted, null, 2)}\n` : `deleted ${fingerprint}\n`)
}

function describe(found: CertificateDescription, all: readonly CertificateDescription[]): string {
  const [label, id, subject, serialNumber, notBefore, notAfter] = formatFields(found)
  const what =
    `The certificate of ${subject}, serial number ${serialNumber}, valid from ${notBefore} to ${notAfter}, ` +
    `with label ${label} and id ${id}.`
  const hasOther = all.some(
    (one) => one.privateKey && one.id === found.id && one.fingerprint !== found.fingerprint,
  )
  const next = hasOther ? 'the newest of the others will be' : 'there is no other'
  const effect = found.used ? `It is the one that the service takes for its key: ${next}.\n` : ''
  return `${printable(what)}\n${effect}`
}
