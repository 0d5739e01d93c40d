import {
  CONTAINERS,
  DEFAULT_ESTIMATED_SIZE,
  DEFAULT_TIMEOUT_MS,
  DEFAULT_URL,
  HASH_ALGORITHMS,
  SIGNATURE_TYPES,
} from './signature-options.ts'

export const usage = `Signs a PDF through the signing service, with the callbacks that Document Engine makes.

Usage: npm run sign-pdf -- IN.pdf OUT.pdf [options]

  --url URL               SIGNING_SERVICE_URL (${DEFAULT_URL})
  --container KIND        ${CONTAINERS.join(' or ')}: who builds the PKCS#7 container, this command or the
                          service (pkcs7)
  --type TYPE             ${SIGNATURE_TYPES.join(' or ')} (cades)
  --hash HASH             ${HASH_ALGORITHMS.join(', ')} (sha256)
  --signing-token TOKEN   sent with every callback, verbatim
  --name NAME             written into the signature, like the two below
  --reason REASON
  --location LOCATION
  --tsa URL               timestamp authority that is asked for the signature timestamp of
                          a raw container
  --dss                   adds a DSS dictionary (PAdES-BASELINE-LT) with the certificates, OCSP
                          responses and CRLs of all signatures in the PDF; those that no container
                          has are asked for where the certificates say. The signature takes a
                          timestamp: --tsa, or a service whose level is b-t or b-lt
  --timeout MS            limit of each callback, and of each question to an authority
                          (${DEFAULT_TIMEOUT_MS})
  --estimated-size BYTES  reserved for the container (${DEFAULT_ESTIMATED_SIZE})
  --help

Exit codes: 0 signed, 1 not signed, 2 wrong usage.

Examples:
  npm run sign-pdf -- test/support/document-engine/sample.pdf signed.pdf
  npm run sign-pdf -- signed.pdf signed-twice.pdf --container raw --hash sha512
  npm run sign-pdf -- in.pdf lasting.pdf --dss
  npm run sign-pdf -- in.pdf lasting.pdf --dss --container raw --tsa http://timestamp.example.com
  npm run sign-pdf -- in.pdf out.pdf --type cms --url http://127.0.0.1:6000/sign --reason 'I agree'`
