import { PDFDocument, PDFName, PDFString } from 'pdf-lib'
import t, { type Test } from 'tap'
import { reserve } from '../support/document-engine/reserve.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { signPdf } from '../support/document-engine/sign-pdf.ts'
import { verifyCms } from '../support/validators/openssl.ts'
import { readPdfSignatures } from '../support/validators/pdf-signatures.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { makeFixture } from './fixture.ts'

const { keys, nssDatabase, service } = await makeFixture(t)

/** Signs `pdf` once more and checks every signature it then has, with poppler and with OpenSSL. */
async function signAgain(t: Test, pdf: Buffer, fieldNames: string[]): Promise<Buffer> {
  const signed = await signPdf({ pdf, url: service.url, container: 'raw' })
  t.ok(signed.pdf.subarray(0, pdf.length).equals(pdf), 'the bytes before are a prefix')
  t.match(await pdfsig(signed.pdf, nssDatabase), {
    signatures: fieldNames.map((fieldName, index) => ({
      fieldName,
      valid: true,
      wholeDocument: index === fieldNames.length - 1,
    })),
  })
  const signatures = readPdfSignatures(signed.pdf)
  t.equal(signatures.length, fieldNames.length)
  for (const { cms, signedBytes } of signatures) {
    const verification = await verifyCms({ cms, content: signedBytes, trustAnchors: keys.rootCertificate })
    t.ok(verification.valid, verification.message)
  }
  return signed.pdf
}

for (const objectStreams of [false, true]) {
  const kind = objectStreams ? 'a cross-reference stream' : 'a cross-reference table'

  t.test(`signatures over signatures stay valid in a PDF with ${kind}`, async (t) => {
    const original = await samplePdf({ objectStreams })
    const once = await signAgain(t, original, ['Signature1'])
    const twice = await signAgain(t, once, ['Signature1', 'Signature2'])
    const thrice = await signAgain(t, twice, ['Signature1', 'Signature2', 'Signature3'])
    const updates = thrice.toString('latin1', original.length)
    t.equal(updates.includes('/Type /XRef'), objectStreams, 'the updates use the same kind')
    t.equal(updates.includes('trailer'), !objectStreams)
  })

  t.test(`a PDF of 300 pages with ${kind} grows by the signature only`, async (t) => {
    const original = await samplePdf({ pages: 300, objectStreams })
    const signed = await signAgain(t, original, ['Signature1'])
    t.ok(
      signed.length - original.length < 2 * 32768 + 20_000,
      `${signed.length - original.length} bytes more`,
    )
    t.equal((await PDFDocument.load(signed)).getPageCount(), 300)
  })
}

/** A PDF with a text field and an annotation, whose arrays and form are indirect objects or are not. */
async function pdfWithForm(indirect: boolean, fieldName: string): Promise<Buffer> {
  const doc = await PDFDocument.load(await samplePdf(), { updateMetadata: false })
  const { context } = doc
  const page = doc.getPage(0)
  const field = context.register(
    context.obj({
      Type: 'Annot',
      Subtype: 'Widget',
      FT: 'Tx',
      T: PDFString.of(fieldName),
      Rect: [72, 200, 200, 220],
      P: page.ref,
    }),
  )
  const place = <T extends Parameters<typeof context.register>[0]>(object: T) =>
    indirect ? context.register(object) : object
  page.node.set(PDFName.of('Annots'), place(context.obj([field])))
  const form = context.obj({
    Fields: place(context.obj([field])),
    SigFlags: 4,
    DA: PDFString.of('/Helv 0 Tf 0 g'),
  })
  doc.catalog.set(PDFName.of('AcroForm'), place(form))
  return Buffer.from(await doc.save({ useObjectStreams: false, updateFieldAppearances: false }))
}

for (const indirect of [true, false]) {
  t.test(
    `a form of ${indirect ? 'indirect' : 'direct'} objects keeps its field and gains another`,
    async (t) => {
      const original = await pdfWithForm(indirect, 'Text')
      const signed = await signAgain(t, original, ['Signature1'])
      const twice = await signAgain(t, signed, ['Signature1', 'Signature2'])

      const doc = await PDFDocument.load(twice)
      t.same(
        doc
          .getForm()
          .getFields()
          .map((field) => field.getName()),
        ['Text', 'Signature1', 'Signature2'],
      )
      t.equal(doc.getPage(0).node.Annots()?.size(), 3)
      const form = doc.catalog.AcroForm()
      t.equal(form?.get(PDFName.of('SigFlags'))?.toString(), '7', 'flags are added to those present')
      t.ok(form?.has(PDFName.of('DA')))
    },
  )
}

t.test('a field name that is taken is not used again', async (t) => {
  await signAgain(t, await pdfWithForm(true, 'Signature1'), ['Signature2'])
})

t.test('a hole that an unfinished signing left behind is not filled', async (t) => {
  const { pdf } = await reserve({
    pdf: await samplePdf(),
    subFilter: 'ETSI.CAdES.detached',
    estimatedSize: 32768,
    signingTime: new Date(),
  })
  const signed = await signPdf({ pdf, url: service.url })
  t.ok(signed.pdf.subarray(0, pdf.length).equals(pdf), 'the bytes before are a prefix')
  t.match((await pdfsig(signed.pdf)).signatures.at(-1), {
    fieldName: 'Signature2',
    valid: true,
    wholeDocument: true,
  })
})

t.test('bytes after the end-of-file marker are kept', async (t) => {
  await signAgain(t, Buffer.concat([await samplePdf(), Buffer.from('\n\n\0\0')]), ['Signature1'])
})
