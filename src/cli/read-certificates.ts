import type { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readCertificateFields } from '../x509/certificate-fields.ts'
import { parseCertificates } from '../x509/certificate-file.ts'
import { publicKeyOf } from '../x509/key-type.ts'
import { type Io, useFile } from './io.ts'

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

/**
 * Reads the certificates of CA_CERTIFICATES_FILE, by which the service chooses among several of a key on the token; an empty list
 * if it is not set. If they cannot be read, a warning is written: the token may be looked after where the service's files are not.
 */
export function readCaCertificates({
  environment,
  errors,
}: Pick<Io, 'environment' | 'errors'>): X509Certificate[] {
  const { CA_CERTIFICATES_FILE: file = '' } = environment
  const read = () => parseCertificates(readFileSync(file))
  try {
    return file === '' ? [] : useFile(file, 'used', read, 'CA_CERTIFICATES_FILE: ')
  } catch (error) {
    errors.write(`${(error as Error).message}; which certificate the service takes is told without it\n`)
    return []
  }
}
