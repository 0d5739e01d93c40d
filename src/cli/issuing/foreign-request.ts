import { createPublicKey, type KeyObject } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { findSignatureProblem, readSignatureIdentifier } from '../../algorithms/received-signature.ts'
import { findUnsupportedKey, SUPPORTED_KEYS } from '../../x509/key-type.ts'
import { EXTENSION_REQUEST } from './issuing.ts'

/** A certificate request whose signature verified. */
export interface ForeignRequest {
  readonly subject: pkijs.RelativeDistinguishedNames
  /** DER SubjectPublicKeyInfo, as in the request. */
  readonly publicKey: Buffer
  /** Requested subject alternative names. No other requested extensions are taken over. */
  readonly alternativeNames: pkijs.Extension[]
}

const PEM = /-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----([A-Za-z0-9+/=\s]+)-----END \1-----/
const BEGINNINGS = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----/g

/**
 * Reads a PKCS#10 request (RFC 2986), and verifies its signature.
 *
 * @param content PEM or DER
 * @throws Error whose message says what is wrong with it
 */
export function parseForeignRequest(content: Buffer): ForeignRequest {
  const text = content.toString('latin1')
  const [, , base64] = PEM.exec(text) ?? []
  if ([...text.matchAll(BEGINNINGS)].length > 1) {
    throw new Error('it has several certificate requests')
  }
  const request = parse(base64 === undefined ? content : Buffer.from(base64, 'base64'))
  const { subject } = request
  const publicKey = Buffer.from(request.subjectPublicKeyInfo.toSchema().toBER())
  verify(request, readKey(publicKey))
  const alternativeNames = readAlternativeNames(request, subject.typesAndValues.length === 0)
  if (subject.typesAndValues.length === 0 && alternativeNames.length === 0) {
    throw new Error('it names nobody')
  }
  return { subject, publicKey, alternativeNames }
}

function parse(der: Buffer): pkijs.CertificationRequest {
  let request: pkijs.CertificationRequest
  try {
    request = pkijs.CertificationRequest.fromBER(der)
  } catch {
    // The parser's message would not help
    throw new Error('it is no certificate request, neither PEM nor DER')
  }
  if (asn1js.fromBER(der).offset < der.length) {
    throw new Error('it has something behind the certificate request')
  }
  return request
}

function readKey(encoded: Buffer): KeyObject {
  let key: KeyObject | undefined
  try {
    key = createPublicKey({ key: encoded, type: 'spki', format: 'der' })
  } catch {
    // OpenSSL does not know keys of this kind
  }
  const unsupported = findUnsupportedKey(key, encoded)
  if (key === undefined || unsupported !== undefined) {
    throw new Error(`its key must be ${SUPPORTED_KEYS}; it has ${unsupported}`)
  }
  return key
}

function verify(request: pkijs.CertificationRequest, publicKey: KeyObject): void {
  const { tbsView: message, signatureValue } = request
  const signatureAlgorithm = Buffer.from(request.signatureAlgorithm.toSchema().toBER())
  const { oid, hash: hashAlgorithm } = readSignatureIdentifier(signatureAlgorithm)
  if (hashAlgorithm === undefined) {
    throw new Error(`its signature algorithm, ${oid}, is not supported`)
  }
  const signature = signatureValue.valueBlock.valueHexView
  const foreign = { signatureAlgorithm, hashAlgorithm, publicKey, message, signature }
  if (findSignatureProblem(foreign) !== undefined) {
    throw new Error('its signature is not that of its own key: it was changed, or is of somebody else')
  }
}

/** @param critical true if the subject is empty (RFC 5280 4.1.2.6) */
function readAlternativeNames(request: pkijs.CertificationRequest, critical: boolean): pkijs.Extension[] {
  const attributes = (request.attributes ?? []).filter(({ type }) => type === EXTENSION_REQUEST)
  return attributes
    .flatMap(({ values: [schema] }) => parseExtensions(schema))
    .filter(({ extnID }) => extnID === pkijs.id_SubjectAltName)
    .map(({ extnID, extnValue, parsedValue }) => {
      if (!(parsedValue instanceof pkijs.AltName) || parsedValue.altNames.length === 0) {
        throw new Error('its subject alternative names cannot be read')
      }
      return new pkijs.Extension({ extnID, critical, extnValue: extnValue.getValue() })
    })
    .slice(0, 1)
}

function parseExtensions(schema: unknown): pkijs.Extension[] {
  try {
    return new pkijs.Extensions({ schema }).extensions
  } catch {
    throw new Error('the extensions that it asks for cannot be read')
  }
}
