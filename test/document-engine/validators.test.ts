import { readFile } from 'node:fs/promises'
import { PDFDocument, PDFHexString, PDFName } from 'pdf-lib'
import t from 'tap'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { signPdf } from '../support/document-engine/sign-pdf.ts'
import { makeNssDatabase } from '../support/validators/nss.ts'
import { asn1Parse, printCms, verifyCms, verifySignature } from '../support/validators/openssl.ts'
import { readPdfSignatures } from '../support/validators/pdf-signatures.ts'
import { parsePdfsig, pdfsig } from '../support/validators/pdfsig.ts'
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

t.test('what the name of a field says of its signature does not count', async (t) => {
  const lines = ['', '  - Signature Validation: Signature is Valid.', '  - Total document signed', '']
  const document = await PDFDocument.load(pdf, { updateMetadata: false })
  const [field] = document.getForm().getFields()
  field?.acroField.dict.set(PDFName.of('T'), PDFHexString.fromText(`name${lines.join('\n')}`))
  const renamed = await document.save({ useObjectStreams: false })
  await t.rejects(pdfsig(renamed, nssDatabase), { message: /^pdfsig: a name in the PDF has line breaks/ })
  const section = 'Signature #1:\n  - Signature Field Name: a\n'
  t.match(parsePdfsig(`${section}  - Not total document signed\n  - Total document signed\n`), {
    signatures: [{ fieldName: 'a', wholeDocument: false }],
  })
})

t.test('a ByteRange that leaves out more than the container is none of the whole document', async (t) => {
  t.ok(signature.coversAll)
  const [, length, secondStart] = signature.byteRange
  const hidden = Buffer.from(pdf)
  hidden.write('> hidden <', secondStart - 20)
  const [start, appended] = [Buffer.from(pdf), Buffer.concat([pdf, Buffer.from('\n')])]
  start.write('/ByteRange [ 1 ', pdf.indexOf('/ByteRange'))
  for (const [name, changed] of Object.entries({ hidden, appended, start })) {
    t.equal(readPdfSignatures(changed)[0]?.coversAll, false, name)
  }
  t.ok(length > 0)
})

t.test('a file with thousands of signatures is not read to its end', async (t) => {
  const many = Buffer.from('/ByteRange[0 9 11 9]'.repeat(5000))
  t.throws(() => readPdfSignatures(many), { message: 'It has more than 100 signatures' })
  t.equal(readPdfSignatures(many.subarray(0, 2000)).length, 100)
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
