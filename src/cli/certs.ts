/**
 * Implements the commands about the certificates on a token: `signing-service certs` lists them, `import-cert` stores one
 * beside its key, and `delete-cert` deletes one, such as a renewed one.
 */
import type { Command } from 'commander'
import { administer } from '../pkcs11/administration/administer.ts'
import type { CertificateDescription } from '../pkcs11/administration/certificates.ts'
import type { AdministrationAccess } from '../pkcs11/administration/session.ts'
import { reviewSigner } from '../x509/review/certificate-review.ts'
import { findAccess } from './configuration.ts'
import { CommandFailed, type Io, printResult } from './io.ts'
import {
  addDeletionOptions,
  addTokenOptions,
  type DeletionOptions,
  parseFingerprint,
  type TokenOptions,
} from './options.ts'
import { confirmDeletion } from './prompts.ts'
import { readCaCertificates, readCertificates } from './read-certificates.ts'
import { formatTable, printable, yesNo } from './table.ts'

const CERTS_EXAMPLES = `
Needs HSM_MODULE and the PIN, for which a person is asked if it is not configured. PRIVATE KEY says whether the token
shows the private key. USED says whether the service takes the certificate for that key, unless a file has one. Among
several it takes one that it does not refuse and that is valid now, rather one whose chain is complete with the
certificates of CA_CERTIFICATES_FILE than another, and of several such the one whose validity began last. FINGERPRINT is
the SHA-256 of the certificate, which "openssl x509 -in FILE -noout -fingerprint -sha256" prints for a file. Where the
service cannot read an object, the reason follows.

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
    .addHelpText('after', CERTS_EXAMPLES)
    .action(async (options: TokenOptions) => {
      const access = await findAccess(io, options)
      const certificates = await listCertificates(io, access, options)
      printResult(io, options, certificates, format(certificates))
    })
}

function listCertificates(io: Io, access: AdministrationAccess, { timeout }: Pick<TokenOptions, 'timeout'>) {
  const caCertificates = readCaCertificates(io).map(({ raw }) => raw)
  return administer('certs', [access, caCertificates], timeout * 1000)
}

function format(certificates: readonly CertificateDescription[]): string {
  return certificates.length === 0
    ? 'There are no certificates that this user can see.\n'
    : `${formatTable(HEADER, certificates.map(formatRow))}${certificates.map(formatProblem).join('')}`
}

function formatProblem({ problem, fingerprint }: CertificateDescription): string {
  const which = fingerprint === null ? 'A certificate' : `The certificate with fingerprint ${fingerprint}`
  return problem === null ? '' : `${printable(`${which} is not read: ${problem}`)}\n`
}

function formatRow(certificate: CertificateDescription): string[] {
  const { privateKey, used, fingerprint } = certificate
  return [...formatFields(certificate), yesNo(privateKey), yesNo(used), fingerprint ?? 'unknown']
}

/** Returns label, id, subject, serial number and both ends of the validity, as text for people. */
function formatFields(certificate: CertificateDescription): string[] {
  const { label, id, subject, serialNumber, notBefore, notAfter } = certificate
  return [label, id, subject, serialNumber, notBefore, notAfter].map((text) => text ?? 'unknown')
}

const IMPORT_EXAMPLES = `
FILE is PEM or DER. If it holds several certificates, the first one is imported; the others belong in the file that
CA_CERTIFICATES_FILE names. The certificate gets the CKA_ID of the private key that it belongs to; a certificate that
belongs to no key of the token is refused, as is one that the service would refuse. If there are several for one key,
"certs" says which one the service takes.

Examples:
  signing-service import-cert signer.pem
  signing-service import-cert signer.pem --label 'signer 2027'
`

interface ImportOptions extends TokenOptions {
  readonly label?: string
}

export function addImportCertCommand(program: Command, io: Io): void {
  addTokenOptions(program.command('import-cert'))
    .description('put a certificate on the token, beside its key')
    .argument('<file>', 'the certificate, PEM or DER')
    .option('--label <label>', 'CKA_LABEL (default: that of the key)')
    .addHelpText('after', IMPORT_EXAMPLES)
    .action((file: string, options: ImportOptions) => importCertificate(io, file, options))
}

async function importCertificate(io: Io, file: string, { label, ...options }: ImportOptions): Promise<void> {
  const [leaf, ...following] = readCertificates(file)
  const caCertificates = readCaCertificates(io)
  checkUsable({ leaf, following, caCertificates }, file)
  const access = await findAccess(io, options)
  const issuers = caCertificates.map(({ raw }) => raw)
  const imported = await administer('import-cert', [access, leaf.raw, issuers, label], options.timeout * 1000)
  const row = [imported.label, imported.id, imported.created ? 'imported' : 'was there already']
  printResult(io, options, imported, formatTable(['LABEL', 'ID', 'CERTIFICATE'], [row]))
  if (imported.others > 0) {
    io.errors.write(
      'The token holds other certificates of this key: without SIGNER_CERTIFICATE_FILE the service takes, at a restart ' +
        `or SIGHUP, ${imported.used ? 'this one' : 'another one than this'}. "certs" lists them, "delete-cert" deletes one\n`,
    )
  }
}

/** Refuses a certificate that the service would refuse too. */
function checkUsable(files: Parameters<typeof reviewSigner>[0], file: string): void {
  const { problems } = reviewSigner(files)
  const messages = problems.filter(({ of }) => of === 'leaf').map(({ message }) => message)
  if (messages.length > 0) {
    throw new CommandFailed(`${file}: ${messages.join('; ')}`)
  }
}

const DELETE_EXAMPLES = `
The certificate is named by the SHA-256 of its DER, which "certs" lists and "openssl x509 -in FILE -noout -fingerprint
-sha256" prints. The private key is not touched. The certificate is shown before it is deleted, and a person at the
terminal types its label, its id where it has no label, or else its fingerprint; --confirm gives it without a terminal.

Examples:
  signing-service delete-cert --fingerprint "$(openssl x509 -in old.pem -noout -fingerprint -sha256 | cut -d= -f2)"
  signing-service delete-cert --fingerprint "$FINGERPRINT" --confirm former
`

interface DeleteOptions extends DeletionOptions {
  readonly fingerprint: string
}

export function addDeleteCertCommand(program: Command, io: Io): void {
  addDeletionOptions(program.command('delete-cert'))
    .description('delete a certificate from the token')
    .requiredOption('--fingerprint <sha256>', 'SHA-256 of the certificate, hex', parseFingerprint)
    .addHelpText('after', DELETE_EXAMPLES)
    .action((options: DeleteOptions) => deleteCertificate(io, options))
}

async function deleteCertificate(io: Io, { fingerprint, ...options }: DeleteOptions): Promise<void> {
  const access = await findAccess(io, options)
  const certificates = await listCertificates(io, access, options)
  const found = certificates.find((certificate) => certificate.fingerprint === fingerprint)
  if (found === undefined) {
    throw new CommandFailed(
      'the token holds no certificate with this fingerprint; "signing-service certs" lists them',
    )
  }
  io.errors.write(describeDeletion(found, certificates))
  await confirmDeletion(io, found, options.confirm)
  const deleted = await administer('delete-cert', [access, fingerprint], options.timeout * 1000)
  printResult(io, options, deleted, `deleted ${fingerprint}\n`)
}

function describeDeletion(found: CertificateDescription, all: readonly CertificateDescription[]): string {
  const [label, id, subject, serialNumber, notBefore, notAfter] = formatFields(found)
  const what =
    `The certificate of ${subject}, serial number ${serialNumber}, valid from ${notBefore} to ${notAfter}, ` +
    `with label ${label} and id ${id}.`
  const hasOther = all.some(
    (one) => one.publicKey === found.publicKey && one.fingerprint !== found.fingerprint,
  )
  const next = hasOther ? 'another one will be' : 'there is no other'
  const effect = found.used ? `It is the one that the service takes for its key: ${next}.\n` : ''
  return `${printable(what)}\n${effect}`
}
