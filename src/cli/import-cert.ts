/** Implements `signing-service import-cert`, which stores a certificate on the token, beside its key. */
import type { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { encodePublicKey } from '../algorithms/public-key.ts'
import { encode } from '../asn1/der-writer.ts'
import { TAG } from '../asn1/tag.ts'
import { administer } from '../pkcs11/administration/administer.ts'
import type { CertificateRequest } from '../pkcs11/administration/certificates.ts'
import { readCertificateFields } from '../x509/certificate-fields.ts'
import { parseCertificates } from '../x509/certificate-file.ts'
import type { Io } from './io.ts'
import { formatTable } from './table.ts'
import { addTokenOptions, findAccess, type TokenOptions } from './token-options.ts'
import { useFile } from './use-file.ts'

const EXAMPLES = `
FILE is PEM or DER. If it holds several certificates, the first one is imported; the others belong in the file that
CA_CERTIFICATES_FILE names. The certificate gets the CKA_ID of the private key that it belongs to; a certificate that
belongs to no key of the token is refused. If there are several for one key, the service takes the newest valid one.

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
    .addHelpText('after', EXAMPLES)
    .action((file: string, options: ImportOptions) => importCertificate(io, file, options))
}

async function importCertificate(io: Io, file: string, { label, ...options }: ImportOptions): Promise<void> {
  const certificate = readRequest(file)
  const access = await findAccess(io, options)
  const request = label === undefined ? certificate : { ...certificate, label }
  const imported = await administer('import-cert', [access, request], options.timeout * 1000)
  io.output.write(
    options.json
      ? `${JSON.stringify(imported, null, 2)}\n`
      : formatTable(
          ['LABEL', 'ID', 'CERTIFICATE'],
          [[imported.label, imported.id, imported.created ? 'imported' : 'was there already']],
        ),
  )
  if (imported.others > 0) {
    io.errors.write(
      'The token holds other certificates of this key: without SIGNER_CERTIFICATE_FILE the service takes, at a restart ' +
        'or SIGHUP, the newest one that is valid. "certs" lists them, "delete-cert" deletes one\n',
    )
  }
}

function readRequest(file: string): CertificateRequest {
  return useFile(file, () => {
    const [certificate] = parseCertificates(readFileSync(file))
    return encodeRequest(certificate as X509Certificate)
  })
}

/**
 * Encodes a certificate for the token, with the names as its issuer encoded them, since the token compares bytes.
 *
 * @throws Error if the certificate is not DER, though OpenSSL could read it
 */
function encodeRequest({ raw, publicKey }: X509Certificate): CertificateRequest {
  const { subject, issuer, serialNumber } = readCertificateFields({ raw })
  return {
    ...{ value: raw, subject, issuer },
    serialNumber: encode(TAG.integer, serialNumber),
    publicKey: encodePublicKey(publicKey),
  }
}
