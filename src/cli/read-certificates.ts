import type { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readCertificateFields } from '../x509/certificate-fields.ts'
import { parseCertificates } from '../x509/certificate-file.ts'
import { publicKeyOf } from '../x509/key-type.ts'
import { useFile } from './io.ts'

/**
 * Reads the certificates of a file for a command that compares the key of the first one with those of a token.
 *
 * @throws CommandFailed if it cannot be read, since the failure would look like one of the PKCS#11 library there
 */
export function readCertificates(file: string): readonly [X509Certificate, ...X509Certificate[]] {
  return useFile(file, 'used', () => {
    const certificates = parseCertificates(readFileSync(file)) as [X509Certificate, ...X509Certificate[]]
    const [certificate] = certificates
    readCertificateFields(certificate)
    if (publicKeyOf(certificate) === undefined) {
      throw new Error('the key of its certificate is of an unknown type')
    }
    return certificates
  })
}
