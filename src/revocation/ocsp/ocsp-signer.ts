/** Finds the certificate that signed an OCSP answer: the issuer's, or an authorized responder's (RFC 6960 4.2.2.2). */
import type { X509Certificate } from 'node:crypto'
import { digest } from '../../algorithms/digest.ts'
import { SHA_1 } from '../../algorithms/hash-algorithms.ts'
import { readCertificateFields } from '../../x509/certificate-fields.ts'
import { isIssuedBy } from '../../x509/chain.ts'
import { publicKeyOf } from '../../x509/key-type.ts'
import { sameName } from '../../x509/names.ts'
import { readCertificate } from '../../x509/read-certificate.ts'
import { findPathProblem } from '../../x509/review/path-problem.ts'
import { findResponderProblem } from '../../x509/review/service-certificate.ts'
import { findInvalidity, validityPeriod } from '../../x509/validity.ts'
import { findSignatureProblem } from '../signed-object.ts'
import type { OcspResponse, ResponderId } from './ocsp-response.ts'

/** Certificates of a response that are tried. A hostile one could send hundreds. */
const MAX_CERTIFICATES = 10

/**
 * Finds the certificate whose key signed the answer: `issuer`, or a responder that it has authorized.
 *
 * @throws Error whose message says why the answer does not count
 */
export async function findOcspSigner(
  response: OcspResponse,
  issuer: X509Certificate,
  at: Date,
): Promise<X509Certificate> {
  const problems: string[] = []
  // Several may have the responder's name, such as those before and after a renewal
  for (const raw of [issuer.raw, ...response.certificates.slice(0, MAX_CERTIFICATES)]) {
    const signer = readIdentified(raw, response.responder)
    if (signer !== undefined) {
      const wrong =
        findSignerProblem(signer, issuer, at) ?? (await findSignatureProblem(response, publicKeyOf(signer)))
      if (wrong === undefined) {
        return signer
      }
      problems.push(wrong)
    }
  }
  throw new Error(problems[0] ?? 'it does not hold the certificate of its responder')
}

/** Returns the certificate if it is the responder's. Others may be of kinds that cannot be read here. */
function readIdentified(raw: Buffer, responder: ResponderId): X509Certificate | undefined {
  try {
    const { subject, publicKeyBits } = readCertificateFields({ raw })
    const identified =
      'name' in responder
        ? sameName(responder.name, subject)
        : responder.keyHash.equals(digest(SHA_1, publicKeyBits))
    return identified ? readCertificate(raw) : undefined
  } catch {
    return undefined
  }
}

function findSignerProblem(signer: X509Certificate, issuer: X509Certificate, at: Date): string | undefined {
  const { subject } = validityPeriod(signer)
  const invalid = findInvalidity([validityPeriod(signer)], at)
  if (invalid !== undefined || signer.raw.equals(issuer.raw)) {
    return invalid
  }
  if (!isIssuedBy(signer, issuer)) {
    return `its responder, ${subject}, has its certificate from another issuer`
  }
  const problem = findResponderProblem(signer) ?? findPathProblem([signer, issuer])
  return problem && `its responder cannot be trusted: ${problem}`
}
