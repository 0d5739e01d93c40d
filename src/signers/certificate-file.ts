import { X509Certificate } from 'node:crypto'

const PEM_BEGIN = '-----BEGIN '
/** One block (RFC 7468), with what follows up to the next; the label must be the same at both ends. */
const PEM_BLOCK = /^-----BEGIN ([^-]+)-----[\s\S]*?-----END \1-----/
const CERTIFICATE_LABELS = new Set(['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'])

/**
 * The certificates in a file's bytes, in the file's order: PEM (RFC 7468; text between the blocks is skipped, as
 * `openssl x509 -text` writes it) or one DER certificate.
 *
 * @throws Error whose message says what is wrong with the content; it quotes none of it
 */
export function parseCertificates(content: Buffer): X509Certificate[] {
  const text = content.toString('latin1')
  return text.includes(PEM_BEGIN) ? parsePem(text) : [parseDer(content)]
}

function parsePem(text: string): X509Certificate[] {
  if (/-----BEGIN [^-]*PRIVATE KEY-----/.test(text)) {
    throw new Error('it holds a private key, which belongs in the HSM alone; leave only certificates in it')
  }
  const certificates = splitBlocks(text).filter(({ label }) => CERTIFICATE_LABELS.has(label))
  if (certificates.length === 0) {
    throw new Error('it holds no certificate')
  }
  return certificates.map(({ pem }, index) => parse(pem, `certificate ${index + 1} in it cannot be parsed`))
}

/** A block without its end would otherwise be dropped, and with it a certificate of the chain. */
function splitBlocks(text: string): { label: string; pem: string }[] {
  const [, ...parts] = text.split(PEM_BEGIN)
  return parts.map((part, index) => {
    const [pem, label] = PEM_BLOCK.exec(PEM_BEGIN + part) ?? []
    if (pem === undefined || label === undefined) {
      throw new Error(`block ${index + 1} in it has no matching END line`)
    }
    return { label, pem }
  })
}

function parseDer(content: Buffer): X509Certificate {
  const certificate = parse(content, 'it is neither PEM nor a DER certificate')
  if (certificate.raw.length !== content.length) {
    throw new Error('more follows its DER certificate; several certificates have to be PEM')
  }
  return certificate
}

function parse(encoded: string | Buffer, problem: string): X509Certificate {
  try {
    return new X509Certificate(encoded)
  } catch {
    throw new Error(problem)
  }
}
