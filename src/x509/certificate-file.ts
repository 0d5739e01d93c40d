import type { X509Certificate } from 'node:crypto'
import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'
import { describeOtherBinary, describeOtherPem, describeOtherText } from './other-file.ts'
import { readCertificate } from './read-certificate.ts'

const PEM_BEGIN = '-----BEGIN '
/** One block (RFC 7468) and the text up to the next. The label must be the same at both ends. */
const PEM_BLOCK = /^-----BEGIN ([^-]+)-----([\s\S]*?)-----END \1-----/
const BASE64 = /^[A-Za-z0-9+/\s]+(?:=\s*){0,2}$/
/** OpenSSL's label for a certificate followed by the purposes for which it is trusted. */
const TRUSTED = 'TRUSTED CERTIFICATE'
const CERTIFICATE_LABELS = new Set(['CERTIFICATE', 'X509 CERTIFICATE', TRUSTED])

/**
 * Parses the certificates of a file, in the file's order: PEM (RFC 7468) or one DER certificate. It skips text between
 * PEM blocks, since `openssl x509 -text` writes some.
 *
 * @throws Error whose message says what is wrong with the content, and quotes none of it
 */
export function parseCertificates(content: Buffer): X509Certificate[] {
  if (content.length === 0) {
    throw new Error('it is empty')
  }
  const text = content.toString('latin1')
  return text.includes(PEM_BEGIN) ? parsePem(text) : [parseDer(content, text)]
}

interface Block {
  readonly label: string
  readonly body: string
}

function parsePem(text: string): X509Certificate[] {
  if (/-----BEGIN [^-]*PRIVATE KEY-----/.test(text)) {
    throw new Error('it holds a private key, which belongs in the HSM alone; leave only certificates in it')
  }
  const blocks = splitBlocks(text)
  const certificates = blocks.filter(({ label }) => CERTIFICATE_LABELS.has(label))
  if (certificates.length === 0) {
    throw new Error(describeOtherPem(blocks.map(({ label }) => label)) ?? 'it holds no certificate')
  }
  return certificates.map(parseBlock)
}

/** Splits PEM into blocks. It refuses a block without its end, since dropping one would lose a certificate. */
function splitBlocks(text: string): Block[] {
  const [, ...parts] = text.split(PEM_BEGIN)
  return parts.map((part, index) => {
    const [, label, body] = PEM_BLOCK.exec(PEM_BEGIN + part) ?? []
    if (label === undefined || body === undefined) {
      throw new Error(`block ${index + 1} in it has no matching END line`)
    }
    return { label, body }
  })
}

function parseBlock({ label, body }: Block, index: number): X509Certificate {
  try {
    if (!BASE64.test(body)) {
      throw new Error('it is no base64')
    }
    const der = Buffer.from(body, 'base64')
    return readCertificate(label === TRUSTED ? new DerReader(der).element(TAG.sequence) : der)
  } catch (error) {
    throw new Error(
      `certificate ${index + 1} in it is not encoded as RFC 5280 says (${(error as Error).message}); ` +
        'copy it once more, or have it issued anew',
    )
  }
}

function parseDer(content: Buffer, text: string): X509Certificate {
  const other = describeOtherBinary(text)
  if (other !== undefined) {
    throw new Error(other)
  }
  if (content[0] !== TAG.sequence) {
    throw new Error(describeOtherText(text) ?? 'it is neither PEM nor a DER certificate')
  }
  const reader = new DerReader(content)
  const certificate = readFirst(reader)
  if (reader.tag !== undefined) {
    throw new Error('more follows its DER certificate; several certificates have to be PEM')
  }
  return certificate
}

function readFirst(reader: DerReader): X509Certificate {
  try {
    return readCertificate(reader.element(TAG.sequence))
  } catch (error) {
    throw new Error(`it is neither PEM nor a DER certificate (${(error as Error).message})`)
  }
}
