import { X509Certificate } from 'node:crypto'

const PEM_BLOCK = /-----BEGIN ([^-]+)-----[\s\S]*?-----END \1-----/g
const CERTIFICATE_LABELS = new Set(['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'])

/**
 * The certificates in a file's bytes, in the file's order: PEM (RFC 7468; text between the blocks is skipped, as
 * `openssl x509 -text` writes it) or one DER certificate.
 *
 * @throws Error whose message says what is wrong with the content; it quotes none of it
 */
export function parseCertificates(content: Buffer): X509Certificate[] {
  const text = content.toString('latin1')
  if (!text.includes('-----BEGIN ')) {
    return [parse(content, 'it is neither PEM nor a DER certificate')]
  }
  const blocks = [...text.matchAll(PEM_BLOCK)]
  if (blocks.some(([, label]) => label?.includes('PRIVATE KEY'))) {
    throw new Error('it holds a private key, which belongs in the HSM alone; leave only certificates in it')
  }
  const certificates = blocks.filter(([, label]) => CERTIFICATE_LABELS.has(label ?? ''))
  if (certificates.length === 0) {
    throw new Error('it holds no certificate')
  }
  return certificates.map(([pem], index) => parse(pem, `certificate ${index + 1} in it cannot be parsed`))
}

function parse(encoded: string | Buffer, problem: string): X509Certificate {
  try {
    return new X509Certificate(encoded)
  } catch {
    throw new Error(problem)
  }
}
