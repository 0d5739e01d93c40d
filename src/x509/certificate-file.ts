import type { X509Certificate } from 'node:crypto'
import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'
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
 * PEM blocks, since `openssl x509 -text` writes some, but for what looks like a certificate.
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

/** PEM of private keys (RFC 7468 10, 11), and OpenSSL's traditional form. */
const PRIVATE_KEYS = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/g

/**
 * Parses the certificates of a file with the own chain for TLS, beside which its private key may stand, as OpenSSL reads both.
 *
 * @returns the chain as one text in PEM, since several texts would be chains each
 * @throws Error as `parseCertificates`
 */
export function parseOwnChain(content: Buffer): string {
  const rest = content.toString('latin1').replace(PRIVATE_KEYS, '')
  const hasOthers = rest.includes(PEM_BEGIN)
  return parseCertificates(hasOthers ? Buffer.from(rest, 'latin1') : content).join('\n')
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
  const others = blocks.map(({ label }) => describeOther(label)).filter((known) => known !== undefined)
  const lost = others.find((message) => LOSES_CERTIFICATES.includes(message))
  if (lost !== undefined || certificates.length === 0) {
    throw new Error(lost ?? others[0] ?? 'it holds no certificate')
  }
  return certificates.map(parseBlock)
}

/**
 * Splits PEM into blocks. It refuses a block without its end, and what looks like a certificate between blocks, since dropping
 * these would lose a certificate.
 */
function splitBlocks(text: string): Block[] {
  const [before = '', ...parts] = text.split(PEM_BEGIN)
  const blocks = parts.map((part, index) => {
    const [block, label, body] = PEM_BLOCK.exec(PEM_BEGIN + part) ?? []
    if (block === undefined || label === undefined || body === undefined) {
      throw new Error(`block ${index + 1} in it has no matching END line`)
    }
    return { label, body, behind: part.slice(block.length - PEM_BEGIN.length) }
  })
  const between = [before, ...blocks.map(({ behind }) => behind)].join('\n')
  const [, lost] = BETWEEN_BLOCKS.find(([sign]) => sign.test(between)) ?? []
  if (lost !== undefined) {
    throw new Error(lost)
  }
  return blocks
}

function parseBlock({ label, body }: Block, index: number): X509Certificate {
  const der = Buffer.from(body, 'base64')
  const other = findOther(der.toString('latin1'))
  if (other !== undefined) {
    throw new Error(other)
  }
  try {
    if (!BASE64.test(body)) {
      throw new Error('it is no base64')
    }
    return readCertificate(label === TRUSTED ? new DerReader(der).element(TAG.sequence) : der)
  } catch (error) {
    throw new Error(
      `certificate ${index + 1} in it is not encoded as RFC 5280 says (${(error as Error).message}); ` +
        'copy it once more, or have it issued anew',
    )
  }
}

function parseDer(content: Buffer, text: string): X509Certificate {
  const other = findOther(text)
  if (other !== undefined || content[0] !== TAG.sequence) {
    throw new Error(other ?? 'it is neither PEM nor a DER certificate')
  }
  const certificate = readFirst(new DerReader(content))
  // Editors and shells append line ends
  if (text.slice(certificate.raw.length).trim() !== '') {
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

// Messages about files that operators mistake for certificates, with the way to get certificates out of them
const PKCS7 =
  'it is a PKCS #7 file (.p7b, .p7c), which keeps certificates in no order: convert it, ' +
  '`openssl pkcs7 -in FILE -print_certs -out bundle.pem` (with `-inform DER` where FILE is not text), ' +
  'and put the signer certificate first'
const PKCS12 =
  'it is a PKCS #12 file (.p12, .pfx), which is for private keys, and these belong in the HSM alone: take the ' +
  'certificates out of it, `openssl pkcs12 -in FILE -nokeys -out bundle.pem`, and put the signer certificate first'
const REQUEST =
  'it is a certificate request: have an authority issue the certificate, and name the file with that certificate'
const CRL = 'it is a list of revoked certificates (CRL): name the file with the certificate'
const PUBLIC_KEY = 'it is a public key without a certificate: name the file with the certificate'

/** Messages keyed by the labels of PEM (RFC 7468, and further ones that OpenSSL reads). */
const BY_LABEL = new Map([
  ['PKCS7', PKCS7],
  ['PKCS #7 SIGNED DATA', PKCS7],
  ['CMS', PKCS7],
  ['CERTIFICATE REQUEST', REQUEST],
  ['NEW CERTIFICATE REQUEST', REQUEST],
  ['X509 CRL', CRL],
  ['PUBLIC KEY', PUBLIC_KEY],
])

const OTHER_LABEL =
  'it has a block with another label than CERTIFICATE: correct the label in its BEGIN and END lines if it is a certificate, or remove it'

/** Messages about blocks that may hold certificates, which are refused beside others, too, as these would be lost. */
const LOSES_CERTIFICATES: readonly string[] = [PKCS7, OTHER_LABEL]

/** Returns a message about a block that is none of a certificate; undefined if nothing can be said. */
function describeOther(label: string): string | undefined {
  const isLikely = !CERTIFICATE_LABELS.has(label) && /^(?!attribute).*certificate/i.test(label)
  return BY_LABEL.get(label) ?? (isLikely ? OTHER_LABEL : undefined)
}

/** The beginning of a SEQUENCE in Latin-1, as DER or as BER of indefinite length. */
const SEQUENCE = '^\\x30(?:[\\x00-\\x80]|\\x81.|\\x82..|\\x83...|\\x84....)'
/** A ContentInfo with id-signedData (RFC 5652 3, 5.1). */
const SIGNED_DATA = new RegExp(`${SEQUENCE}\\x06\\x09\\x2a\\x86\\x48\\x86\\xf7\\x0d\\x01\\x07\\x02`, 's')
/** A PFX, which begins with its version, 3, and a ContentInfo (RFC 7292 4). */
const PFX = new RegExp(`${SEQUENCE}\\x02\\x01\\x03\\x30`, 's')

/** A byte order mark, or the five hyphens of PEM without one, in either order of octets, in Latin-1. */
export const UTF_16 = /^(?:\xff\xfe|\xfe\xff|-\0-|\0-\0-)/
export const IS_UTF_16 =
  'is UTF-16, as PowerShell and some editors of Windows write it: save it as ASCII or UTF-8'
/** The beginning of `-----BEGIN` in base64. */
const BASE64_OF_PEM = /^\s*LS0tLS1CRUdJTi/
/** The beginning, in base64, of a SEQUENCE of 128 to 65,535 octets, such as a certificate. */
const BASE64_OF_DER = /^\s*M(?:IG|II)[A-Za-z0-9+/\s]/

/** The beginning of a SEQUENCE of 128 to 65,535 octets. */
const LONGER_SEQUENCE = '\\x30(?:\\x81.|\\x82..)'

/** Messages keyed by what tells, in Latin-1, of a certificate between blocks of PEM. */
const BETWEEN_BLOCKS: readonly (readonly [RegExp, string])[] = [
  [/-\0-\0-/, `a part of it ${IS_UTF_16}`],
  [
    // Certificate, TBSCertificate and its version or serial number (RFC 5280 4.1)
    new RegExp(`\\x30\\x82..${LONGER_SEQUENCE}(?:\\xa0\\x03)?\\x02`, 's'),
    'it has a certificate in DER beside those in PEM: convert that one, `openssl x509 -inform DER -in FILE`, and put them together anew',
  ],
  [
    /^[ \t"']*(?:[\w;-]+:: )?(?:M(?:IG|II)|LS0tLS1CRUdJTi)[A-Za-z0-9+/]{20,}/m,
    'it has base64 without right lines around it, beside its blocks of PEM: put -----BEGIN CERTIFICATE----- before it and ' +
      '-----END CERTIFICATE----- behind, or decode it first if it is PEM that was encoded once more',
  ],
]

/** Returns a message about what is mistaken for certificates: a file without PEM, or the content of a block. */
function findOther(text: string): string | undefined {
  return BY_BEGINNING.find(([beginning]) => beginning.test(text))?.[1]
}

/** Messages keyed by beginnings in Latin-1. Some authorities, and certutil, label whatever they encode as a certificate. */
const BY_BEGINNING: readonly (readonly [RegExp, string])[] = [
  [SIGNED_DATA, PKCS7],
  [PFX, PKCS12],
  [UTF_16, `it ${IS_UTF_16}`],
  [
    /^\s*-----BEGIN /,
    'it is PEM that was encoded in base64 once more, as `certutil -encode` does with a file that is PEM already: decode it, ' +
      '`grep -v -e ----- FILE | base64 -d`',
  ],
  [
    BASE64_OF_PEM,
    'it is PEM that was encoded in base64 once more, as in a Secret of Kubernetes: decode it, `base64 -d`',
  ],
  [
    BASE64_OF_DER,
    'it is base64 without the lines around it: put -----BEGIN CERTIFICATE----- before it and -----END CERTIFICATE----- behind',
  ],
]
