import { randomBytes } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { digest } from '../../algorithms/digest.ts'
import { type HashAlgorithm, SHA_1 } from '../../algorithms/hash-algorithms.ts'
import type { CertificateFields } from '../../x509/certificate-fields.ts'
import { ID_OCSP_NONCE } from '../object-identifiers.ts'

/** RFC 9654 2.1, RFC 8954 2.1. */
const NONCE_LENGTH = 32

/** What OCSP knows a certificate by (RFC 6960 4.1.1). */
export interface CertificateId {
  /** Digest of the DER of its issuer's name. */
  readonly issuerNameHash: Buffer
  /** Digest of the bits of its issuer's key. */
  readonly issuerKeyHash: Buffer
  /** Content of the INTEGER. */
  readonly serialNumber: Buffer
}

export interface OcspRequest {
  /** DER (RFC 6960 4.1.1). */
  readonly der: Buffer
  /** What is in the extension's OCTET STRING. */
  readonly nonce: Buffer
}

type Asked = Pick<CertificateFields, 'serialNumber' | 'issuer'>
type Issuer = Pick<CertificateFields, 'publicKeyBits'>

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

/** An unsigned request about one certificate, with a nonce. */
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

/** requestExtensions: `[2] EXPLICIT Extensions`. */
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
