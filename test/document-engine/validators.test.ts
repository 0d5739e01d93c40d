import { readFile } from 'node:fs/promises'
import t from 'tap'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { signPdf } from '../support/document-engine/sign-pdf.ts'
import { makeNssDatabase } from '../support/validators/nss.ts'
import { asn1Parse, printCms, verifyCms, verifySignature } from '../support/validators/openssl.ts'
import { readPdfSignatures } from '../support/validators/pdf-signatures.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { makeFixture } from './fixture.ts'

const { keys, nssDatabase, service } = await makeFixture(t)
const { pdf, calls } = await signPdf({ pdf: await samplePdf(), url: service.url, container: 'raw' })
const [signature] = readPdfSignatures(pdf)
if (!signature) throw new Error('no signature in the PDF')

t.test('a changed byte makes the signature invalid', async (t) => {
  const changed = Buffer.from(pdf)
  const position = changed.indexOf('/MediaBox [ 0 0 595') + '/MediaBox [ 0 0 5'.length
  changed.write('0', position)
  const { signatures } = await pdfsig(changed, nssDatabase)
  t.match(signatures, [{ valid: false, validation: /Digest Mismatch/ }])
  const [damaged] = readPdfSignatures(changed)
  const verification = await verifyCms({
    cms: signature.cms,
    content: damaged?.signedBytes ?? Buffer.alloc(0),
  })
  t.notOk(verification.valid)
  t.match(verification.message, /digest|verification failure/i)
})

t.test('a signer whose root is not an anchor is not trusted', async (t) => {
  t.match(await pdfsig(pdf), { signatures: [{ valid: true, trusted: false }] })
  const { cms, signedBytes: content } = signature
  t.notOk((await verifyCms({ cms, content, trustAnchors: keys.leafKey })).valid)
  t.ok((await verifyCms({ cms, content })).valid)
})

t.test('a PDF without a signature has none', async (t) => {
  const unsigned = await samplePdf()
  t.same(await pdfsig(unsigned), { signatures: [] })
  t.same(readPdfSignatures(unsigned), [])
})

t.test('what is not a PDF is an error of pdfsig', async (t) => {
  await t.rejects(pdfsig(Buffer.from('hello')), /^pdfsig: /)
})

t.test('octets that another key or hash made are not verified', async (t) => {
  const call = calls.at(-1)
  const data = Buffer.from(call?.request.data_to_be_signed ?? '', 'base64')
  const octets = call?.body ?? Buffer.alloc(0)
  const leaf = await readFile(keys.leafCertificate)
  const root = await readFile(keys.rootCertificate)
  const verify = async (certificate: Buffer | string, hash: string) =>
    (await verifySignature({ certificate, hash, data, signature: octets })).valid
  t.ok(await verify(leaf, 'sha256'))
  t.notOk(await verify(root, 'sha256'))
  t.notOk(await verify(leaf, 'sha512'))
  t.notOk(await verify('no PEM', 'sha256'))
})

t.test('bytes that are not DER are an error of the printers', async (t) => {
  await t.rejects(printCms(Buffer.from('hello')))
  await t.rejects(asn1Parse(Buffer.from('hello')))
})

t.test('a trust anchor that is no certificate is an error', async (t) => {
  await t.rejects(makeNssDatabase(`${t.testdir()}/nss`, [keys.leafKey]), /^certutil -A /)
})
