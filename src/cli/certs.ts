/** Implements `signing-service certs`, which lists the certificates on a token. */
import type { Command } from 'commander'
import { administer } from '../pkcs11/administration/administer.ts'
import type { CertificateDescription } from '../pkcs11/administration/certificates.ts'
import type { Io } from './io.ts'
import { formatTable, yesNo } from './table.ts'
import { addTokenOptions, findAccess, type TokenOptions } from './token-options.ts'

const EXAMPLES = `
Needs HSM_MODULE and the PIN, for which a person is asked if it is not configured. PRIVATE KEY says whether the token
shows the private key. USED says whether the service takes the certificate for that key, unless a file has one: among
several certificates that are valid now, it takes the one whose validity began last. FINGERPRINT is the SHA-256 of the
certificate, which "openssl x509 -in FILE -noout -fingerprint -sha256" prints for a file.

Examples:
  signing-service certs
  signing-service certs --json | jq -r '.[] | select(.privateKey and (.used | not)).fingerprint'
`

const HEADER = [
  ...['LABEL', 'ID', 'SUBJECT', 'SERIAL', 'NOT BEFORE', 'NOT AFTER', 'PRIVATE KEY', 'USED'],
  'FINGERPRINT',
]

export function addCertsCommand(program: Command, io: Io): void {
  addTokenOptions(program.command('certs'))
    .description('list the certificates on the token')
    .addHelpText('after', EXAMPLES)
    .action(async (options: TokenOptions) => {
      const access = await findAccess(io, options)
      const certificates = await administer('certs', [access], options.timeout * 1000)
      io.output.write(options.json ? `${JSON.stringify(certificates, null, 2)}\n` : format(certificates))
    })
}

function format(certificates: readonly CertificateDescription[]): string {
  return certificates.length === 0
    ? 'There are no certificates that this user can see.\n'
    : formatTable(HEADER, certificates.map(formatRow))
}

function formatRow(certificate: CertificateDescription): string[] {
  const { privateKey, used, fingerprint } = certificate
  return [...formatFields(certificate), yesNo(privateKey), yesNo(used), fingerprint ?? 'unknown']
}

/** Returns label, id, subject, serial number and both ends of the validity, as text for people. */
export function formatFields(certificate: CertificateDescription): string[] {
  const { label, id, subject, serialNumber, notBefore, notAfter } = certificate
  return [label, id, subject, serialNumber, notBefore, notAfter].map((text) => text ?? 'unknown')
}
