/** Every kind of key, as other software sees its signatures. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { openssl } from '../support/certificates.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { signPdf } from '../support/document-engine/sign-pdf.ts'
import { readLog } from '../support/log-lines.ts'
import { checkRefusal } from '../support/refusal.ts'
import { startReadyService } from '../support/service.ts'
import { createSignersFolder, tokenFor } from '../support/signers.ts'
import { makeNssDatabase } from '../support/validators/nss.ts'
import { printCms, verifyCms } from '../support/validators/openssl.ts'
import { readPdfSignatures } from '../support/validators/pdf-signatures.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { withTemporaryFiles } from '../support/validators/temporary-files.ts'

const HASHES = ['sha256', 'sha384', 'sha512'] as const
const CONTENT = Buffer.from('a document that every key signs')
const MAX_BYTES = 65_536

const folder = await createSignersFolder(t.testdir())
await folder.addKey('rsa', 'rsa')
for (const curve of ['p-256', 'p-384', 'p-521'] as const) {
  await folder.addKey(curve, curve)
}
const pss = folder.entry('rsa', { signatureAlgorithm: 'rsassa-pss' })
folder.write({
  rsa: folder.entry('rsa'),
  pss,
  'p-256': folder.entry('p-256'),
  'p-384': folder.entry('p-384'),
  'p-521': folder.entry('p-521'),
  'pss-raw': { ...pss, raw: true },
  'p-256-raw': folder.entry('p-256', { raw: true }),
  'p-384-raw': folder.entry('p-384', { raw: true }),
  'p-521-raw': folder.entry('p-521', { raw: true }),
  'raw-alone': folder.entry('rsa', { containers: ['raw'] }),
  'p-256-alone': folder.entry('p-256', { containers: ['raw'] }),
  'pss-alone': { ...pss, containers: ['raw'] },
  'pss-raw-alone': { ...pss, containers: ['raw'], raw: true },
})
const SIGNERS = ['rsa', 'pss', 'p-256', 'p-384', 'p-521'] as const
/** As `openssl cms -cmsout -print` calls it; RFC 5652 has rsaEncryption alone for PKCS#1, without the hash. */
const ALGORITHMS: Record<(typeof SIGNERS)[number], (hash: string) => RegExp> = {
  rsa: () => /signatureAlgorithm: \n\s+algorithm: rsaEncryption/,
  pss: (hash) =>
    new RegExp(`signatureAlgorithm: \\n\\s+algorithm: rsassaPss[^]*${hash}[^]*mgf1[^]*${hash}`, 'i'),
  'p-256': (hash) => new RegExp(`signatureAlgorithm: \\n\\s+algorithm: ecdsa-with-${hash}`, 'i'),
  'p-384': (hash) => new RegExp(`signatureAlgorithm: \\n\\s+algorithm: ecdsa-with-${hash}`, 'i'),
  'p-521': (hash) => new RegExp(`signatureAlgorithm: \\n\\s+algorithm: ecdsa-with-${hash}`, 'i'),
}
const service = await startReadyService(t, folder.environment)
const database = await makeNssDatabase(folder.path('nss'), [folder.root.certificateFile])
const original = await samplePdf()

function askRaw(signer: string, hash: string, data: Uint8Array) {
  return service.sign({
    ...{ action: 'sign', data_to_be_signed: Buffer.from(data).toString('base64') },
    ...{ hash_algorithm: hash, signature_type: 'cades', signing_token: tokenFor(signer) },
  })
}

t.test('signers of which every request is refused are warned about', async (t) => {
  const warned = readLog(service.log()).filter(({ msg }) =>
    /^every request for a signature is refused/.test(`${msg}`),
  )
  t.strictSame(warned.map(({ signer }) => signer).toSorted(), ['p-256-alone', 'pss-alone'])
  for (const { signer } of warned) {
    t.equal((await askRaw(`${signer}`, 'sha256', CONTENT)).json().code, 'NOT_ALLOWED_FOR_SIGNER')
  }
})

for (const signer of SIGNERS) {
  t.test(`${signer}: OpenSSL verifies containers with each hash`, async (t) => {
    for (const hash of HASHES) {
      for (const type of ['cms', 'cades'] as const) {
        const { statusCode, body } = await service.sign({
          ...{ action: 'sign_pkcs7', encoded_contents: CONTENT.toString('base64'), hash_algorithm: hash },
          ...{ signature_type: type, signing_token: tokenFor(signer) },
        })
        t.equal(statusCode, 200)
        const verification = await verifyCms({
          ...{ cms: body, content: CONTENT, trustAnchors: folder.root.certificateFile },
          cades: type === 'cades',
        })
        t.ok(verification.valid, `${hash} ${type} ${verification.message}`)
        t.match(await printCms(body), ALGORITHMS[signer](hash))
      }
    }
  })

  t.test(`${signer}: poppler takes the signed PDF for valid and trusted`, async (t) => {
    for (const [type, hash] of [
      ['cades', 'sha256'],
      ['cms', 'sha512'],
    ] as const) {
      const { pdf } = await signPdf({
        ...{ pdf: original, url: `${service.url}/sign`, container: 'pkcs7', type, hash, timeoutMs: 30_000 },
        signingToken: tokenFor(signer),
      })
      const { signatures } = await pdfsig(pdf, database)
      const [signature] = readPdfSignatures(pdf)
      const verification = await verifyCms({
        cms: signature?.cms ?? Buffer.alloc(0),
        content: signature?.signedBytes ?? Buffer.alloc(0),
        trustAnchors: folder.root.certificateFile,
        cades: type === 'cades',
      })
      t.ok(verification.valid, verification.message)
      t.match(signatures, [{ signerName: signer === 'pss' ? 'rsa' : signer, wholeDocument: true }])
      t.match(signatures, [{ valid: true, trusted: true }], `${type} ${hash}: ${signatures[0]?.validation}`)
    }
  })
}

t.test(
  'raw signatures that Document Engine does not document are made where that is allowed alone',
  async (t) => {
    for (const signer of ['pss', 'p-256', 'p-384', 'p-521'] as const) {
      checkRefusal(t, await askRaw(signer, 'sha256', CONTENT), {
        statusCode: 400,
        code: 'NOT_ALLOWED_FOR_SIGNER',
        message:
          'signature_container: raw signatures of this signer would not be RSASSA-PKCS1-v1_5, which Document Engine ' +
          'documents; ask for pkcs7, or allow them by "raw": true in the signers file',
      })
      for (const hash of HASHES) {
        const { statusCode, body } = await askRaw(`${signer}-raw`, hash, CONTENT)
        t.equal(statusCode, 200)
        t.match(await verifyRaw(signer, hash, CONTENT, body), /^Verified OK/, `${signer} ${hash}`)
      }
    }
    const { body } = await askRaw('p-521-raw', 'sha512', CONTENT)
    const structure = execFileSync('openssl', ['asn1parse', '-inform', 'DER'], {
      input: body,
      encoding: 'utf8',
    })
    t.match(structure, /^ +0:d=0 .*SEQUENCE *\n.*d=1 .*INTEGER .*\n.*d=1 .*INTEGER .*\n$/, 'ECDSA is DER')
    t.equal((await askRaw('pss-raw', 'sha512', CONTENT)).body.length, 256, 'PSS is as long as the modulus')
  },
)

t.test(
  'what is to be signed raw may be long for PKCS#1 alone: the others verify with all of it',
  async (t) => {
    const longest = Buffer.alloc(MAX_BYTES, 'a')
    const tooLong = Buffer.alloc(MAX_BYTES + 1, 'a')
    t.equal((await askRaw('rsa', 'sha256', tooLong)).statusCode, 200)
    for (const signer of ['pss', 'p-256'] as const) {
      const { statusCode, body } = await askRaw(`${signer}-raw`, 'sha256', longest)
      t.equal(statusCode, 200)
      t.match(await verifyRaw(signer, 'sha256', longest, body), /^Verified OK/)
      checkRefusal(t, await askRaw(`${signer}-raw`, 'sha256', tooLong), {
        statusCode: 400,
        code: 'INVALID_REQUEST',
        message: `data_to_be_signed: must not have more than ${MAX_BYTES} bytes for this signer`,
      })
    }
  },
)

/** What `openssl dgst -verify` says of a raw signature, with the public key of the certificate. */
function verifyRaw(signer: (typeof SIGNERS)[number], hash: string, data: Uint8Array, signature: Uint8Array) {
  const padding = ['rsa_padding_mode:pss', 'rsa_pss_saltlen:digest', `rsa_mgf1_md:${hash}`]
  const options = signer === 'pss' ? padding.flatMap((option) => ['-sigopt', option]) : []
  return withTemporaryFiles({ data, signature, key: '' }, async ({ data, signature, key }) => {
    const certificate = join(folder.directory, signer === 'pss' ? 'rsa.pem' : `${signer}.pem`)
    openssl('x509', '-in', certificate, '-noout', '-pubkey', '-out', key)
    return openssl('dgst', `-${hash}`, '-verify', key, ...options, '-signature', signature, data)
  })
}
