import { join } from 'node:path'
import t from 'tap'
import { samplePdf } from './support/document-engine/sample-pdf.ts'
import { signPdf } from './support/document-engine/sign-pdf.ts'
import {
  CONTAINERS,
  type Container,
  HASH_ALGORITHMS,
  type HashAlgorithm,
  SIGNATURE_TYPES,
  type SignatureType,
  SUB_FILTERS,
} from './support/document-engine/signature-options.ts'
import { startReadyService } from './support/service.ts'
import { createToken, generateKey, issueCertificates, signingEnvironment } from './support/token.ts'
import { makeNssDatabase } from './support/validators/nss.ts'
import { verifyCms } from './support/validators/openssl.ts'
import { readPdfSignatures } from './support/validators/pdf-signatures.ts'
import { pdfsig } from './support/validators/pdfsig.ts'

const PDFSIG_SPELLINGS: Record<HashAlgorithm, string> = {
  sha160: 'SHA1',
  sha224: 'SHA-224',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
}

type Case = readonly [Container, SignatureType, HashAlgorithm]

const EVERY_COMBINATION = CONTAINERS.flatMap((container) =>
  SIGNATURE_TYPES.flatMap((type) => HASH_ALGORITHMS.map((hash): Case => [container, type, hash])),
)
const KEYS: readonly { id: string; bits: number; cases: readonly Case[] }[] = [
  { id: '02', bits: 2048, cases: EVERY_COMBINATION },
  {
    id: '03',
    bits: 3072,
    cases: [
      ['raw', 'cades', 'sha384'],
      ['pkcs7', 'cms', 'sha256'],
    ],
  },
  {
    id: '04',
    bits: 4096,
    cases: [
      ['raw', 'cms', 'sha512'],
      ['pkcs7', 'cades', 'sha512'],
    ],
  },
]

const directory = t.testdir()
const token = await createToken(join(directory, 'token'))
const original = await samplePdf()
const keys = []
for (const key of KEYS) {
  const publicKey = await generateKey(token, { ...key, label: `rsa-${key.bits}` })
  const certificates = await issueCertificates(join(directory, 'ca'), publicKey, `leaf-${key.bits}.pem`)
  keys.push({ ...key, certificates })
}
const nssDatabase = await makeNssDatabase(join(directory, 'nss'), [join(directory, 'ca/root.pem')])

for (const { bits, cases, certificates } of keys) {
  t.test(`RSA-${bits}`, async (t) => {
    const service = await startReadyService(t, {
      ...signingEnvironment(token, certificates),
      HASH_ALGORITHMS: HASH_ALGORITHMS.join(),
      HSM_TIMEOUT_MS: '30000',
    })
    for (const [container, type, hash] of cases) {
      t.test(`${container} ${type} ${hash}: the signed PDF is valid to poppler and OpenSSL`, async (t) => {
        const { pdf } = await signPdf({
          pdf: original,
          url: `${service.url}/sign`,
          container,
          type,
          hash,
          timeoutMs: 30_000,
        })

        const report = await pdfsig(pdf, nssDatabase)
        // poppler reports a digest mismatch for every SHA-224 signature: OpenSSL alone judges those
        const judged = hash !== 'sha224'
        t.equal(report.signatures.length, 1)
        t.match(report.signatures[0], {
          signerName: 'Test signer',
          hash: PDFSIG_SPELLINGS[hash],
          subFilter: SUB_FILTERS[type],
          valid: judged,
          wholeDocument: true,
          trusted: judged,
        })

        const [signature] = readPdfSignatures(pdf)
        const verification = await verifyCms({
          cms: signature?.cms ?? Buffer.alloc(0),
          content: signature?.signedBytes ?? Buffer.alloc(0),
          trustAnchors: certificates.root,
          cades: type === 'cades',
        })
        t.ok(verification.valid, verification.message)
      })
    }
  })
}
