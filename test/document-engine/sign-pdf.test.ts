import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { signPdf } from '../support/document-engine/sign-pdf.ts'
import {
  CONTAINERS,
  HASH_ALGORITHMS,
  type HashAlgorithm,
  SIGNATURE_TYPES,
} from '../support/document-engine/signature-options.ts'
import { repositoryPath } from '../support/repository.ts'
import { printCms, verifyCms, verifySignature } from '../support/validators/openssl.ts'
import { readPdfSignatures } from '../support/validators/pdf-signatures.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { makeFixture } from './fixture.ts'

const SPELLINGS: Record<HashAlgorithm, { openssl: string; pdfsig: string }> = {
  sha160: { openssl: 'sha1', pdfsig: 'SHA1' },
  sha224: { openssl: 'sha224', pdfsig: 'SHA-224' },
  sha256: { openssl: 'sha256', pdfsig: 'SHA-256' },
  sha384: { openssl: 'sha384', pdfsig: 'SHA-384' },
  sha512: { openssl: 'sha512', pdfsig: 'SHA-512' },
}

const SUB_FILTERS = { cms: 'adbe.pkcs7.detached', cades: 'ETSI.CAdES.detached' }

const CALLS = {
  raw: { cms: ['get_certificates', 'sign'], cades: ['get_certificates', 'sign'] },
  pkcs7: { cms: ['sign_pkcs7'], cades: ['get_certificates', 'sign_pkcs7'] },
}

const { keys, nssDatabase, service } = await makeFixture(t)
const original = await samplePdf()
const certificate = await readFile(keys.leafCertificate)

for (const container of CONTAINERS) {
  for (const type of SIGNATURE_TYPES) {
    for (const hash of HASH_ALGORITHMS) {
      t.test(`${container} ${type} ${hash} is valid to poppler and OpenSSL`, async (t) => {
        service.requests.length = 0
        const { pdf, calls } = await signPdf({ pdf: original, url: service.url, container, type, hash })

        t.ok(pdf.subarray(0, original.length).equals(original), 'the original bytes are a prefix')
        const { signatures } = await pdfsig(pdf, nssDatabase)
        t.match(signatures, [
          {
            fieldName: 'Signature1',
            signerName: 'Test Signer',
            hash: SPELLINGS[hash].pdfsig,
            subFilter: SUB_FILTERS[type],
            // poppler 22.12 reports a digest mismatch for every SHA-224 signature, OpenSSL's own among them.
            valid: hash !== 'sha224',
            wholeDocument: true,
            trusted: hash !== 'sha224',
          },
        ])
        t.equal(signatures.length, 1)

        const [signature] = readPdfSignatures(pdf)
        if (!signature) throw new Error('no signature in the PDF')
        const { cms, signedBytes, byteRange } = signature
        t.equal(byteRange[2] - byteRange[1], 2 * 32768 + 2, 'all but the Contents string is signed')
        t.equal(byteRange[2] + byteRange[3], pdf.length)
        const trustAnchors = keys.rootCertificate
        const verification = await verifyCms({
          cms,
          content: signedBytes,
          trustAnchors,
          cades: type === 'cades',
        })
        t.ok(verification.valid, verification.message)

        t.same(
          calls.map((call) => call.action),
          CALLS[container][type],
        )
        t.same(
          service.requests,
          calls.map((call) => call.request),
        )
        const request = service.requests.at(-1) ?? {}
        t.match(request, { hash_algorithm: hash, signature_type: type })
        if (container === 'pkcs7') {
          t.ok(Buffer.from(request.encoded_contents ?? '', 'base64').equals(signedBytes))
          return
        }
        const bare = await verifySignature({
          certificate,
          hash: SPELLINGS[hash].openssl,
          data: Buffer.from(request.data_to_be_signed ?? '', 'base64'),
          signature: calls.at(-1)?.body ?? Buffer.alloc(0),
        })
        t.ok(bare.valid, bare.message)
        const printed = await printCms(cms)
        t.equal(printed.includes('signingTime'), type === 'cms', 'signing-time is for plain CMS only')
        t.equal(printed.includes('signingCertificateV2'), type === 'cades')
      })
    }
  }
}

t.test('the digest of sign_pkcs7 is the hex hash of its contents', async (t) => {
  service.requests.length = 0
  await signPdf({ pdf: original, url: service.url, type: 'cms' })
  const [request] = service.requests
  const contents = Buffer.from(request?.encoded_contents ?? '', 'base64')
  t.equal(request?.digest, createHash('sha256').update(contents).digest('hex'))
})

t.test('a signing token goes verbatim with every callback, and no field without one', async (t) => {
  service.requests.length = 0
  const signingToken = '{"userId": "ü"}'
  await signPdf({ pdf: original, url: service.url, signingToken })
  t.same(
    service.requests.map((request) => request.signing_token),
    [signingToken, signingToken],
  )
  service.requests.length = 0
  await signPdf({ pdf: original, url: service.url })
  t.notOk(service.requests.some((request) => 'signing_token' in request))
})

t.test('name, reason and location are PDF text strings of the right encoding', async (t) => {
  const texts = { name: 'Zoë 署名', reason: 'I agree (all \\ of it)', location: 'Here' }
  const { pdf } = await signPdf({ pdf: original, url: service.url, type: 'cms', ...texts })
  const update = pdf.toString('latin1', original.length)
  t.ok(update.includes('/Name <FEFF005A006F00EB00207F72540D>'))
  t.ok(update.includes('/Reason (I agree \\(all \\\\ of it\\))'))
  t.ok(update.includes('/Location (Here)'))
  t.match(update, /\/M \(D:\d{14}Z\)/)
})

t.test('the sample of the repository can be signed', async (t) => {
  const sample = await readFile(repositoryPath('test/support/document-engine/sample.pdf'))
  const { pdf } = await signPdf({ pdf: sample, url: service.url })
  t.match(await pdfsig(pdf, nssDatabase), { signatures: [{ valid: true, wholeDocument: true }] })
})
