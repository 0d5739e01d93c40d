import { randomBytes } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { digest, type HashAlgorithm, SHA_1 } from '../../algorithms/hash-algorithms.ts'
import type { CertificateFields } from '../../x509/certificate-fields.ts'
import { ID_OCSP_NONCE } from '../object-identifiers.ts'

/** Octets of a nonce (RFC 9654 2.1, RFC 8954 2.1). */
const NONCE_LENGTH = 32

/** The fields by which OCSP identifies a certificate (RFC 6960 4.1.1). */
export interface CertificateId {
  /** Digest of the issuer's name, DER. */
  readonly issuerNameHash: Buffer
  /** Digest of the issuer's key: the octets of its BIT STRING. */
  readonly issuerKeyHash: Buffer
  /** Content of the INTEGER. */
  readonly serialNumber: Buffer
}

export interface OcspRequest {
  /** DER OCSPRequest (RFC 6960 4.1.1). */
  readonly der: Buffer
  /** Content of the OCTET STRING in the nonce extension. */
  readonly nonce: Buffer
}

type Asked = Pick<CertificateFields, 'serialNumber' | 'issuer'>
type Issuer = Pick<CertificateFields, 'publicKeyBits'>

/** Builds the CertID of a certificate (RFC 6960 4.1.1). */
export function certificateId(
  hashAlgorithm: HashAlgorithm,
  { serialNumber, issuer }: Asked,
  { publicKeyBits }: Issuer,
): CertificateId {
  return {
    issuerNameHash: digest(hashAlgorithm, issuer),
    issuerKeyHash: digest(hashAlgorithm, publicKeyBits),
    serialNumber,
  }
}

/** Encodes an unsigned request about one certificate, with a nonce. */
export function createOcspRequest(certificate: Asked, issuer: Issuer): OcspRequest {
  // Every responder knows its certificates by their SHA-1 digests (RFC 5019 2.1.1), which protect nothing
  const { issuerNameHash, issuerKeyHash, serialNumber } = certificateId(SHA_1, certificate, issuer)
  const hashAlgorithm = { algorithmId: SHA_1.oid, algorithmParams: new asn1js.Null() }
  const nonce = randomBytes(NONCE_LENGTH)
  const request = sequence(
    sequence(
      sequence(
        sequence(
          sequence(
            new pkijs.AlgorithmIdentifier(hashAlgorithm).toSchema(),
            new asn1js.OctetString({ valueHex: issuerNameHash }),
            new asn1js.OctetString({ valueHex: issuerKeyHash }),
            new asn1js.Integer({ valueHex: serialNumber }),
          ),
        ),
      ),
      nonceExtension(nonce),
    ),
  )
  return { der: Buffer.from(request.toBER()), nonce }
}

/** Builds requestExtensions, `[2] EXPLICIT Extensions`, with the nonce. */
function nonceExtension(nonce: Buffer): asn1js.BaseBlock {
  const extnValue = new asn1js.OctetString({ valueHex: nonce }).toBER()
  const extension = new pkijs.Extension({ extnID: ID_OCSP_NONCE, extnValue })
  return new asn1js.Constructed({
    idBlock: { tagClass: 3, tagNumber: 2 },
    value: [sequence(extension.toSchema())],
  })
}

function sequence(...value: asn1js.BaseBlock[]): asn1js.Sequence {
  return new asn1js.Sequence({ value })
}
