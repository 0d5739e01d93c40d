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
  --timeout MS            limit of each callback (${DEFAULT_TIMEOUT_MS})
  --estimated-size BYTES  reserved for the container (${DEFAULT_ESTIMATED_SIZE})
  --help

Exit codes: 0 signed, 1 not signed, 2 wrong usage.

Examples:
  npm run sign-pdf -- test/support/document-engine/sample.pdf signed.pdf
  npm run sign-pdf -- signed.pdf signed-twice.pdf --container raw --hash sha512
  npm run sign-pdf -- in.pdf out.pdf --type cms --url http://127.0.0.1:6000/sign --reason 'I agree'`
