import { decodePDFRawStream, PDFArray, PDFDict, PDFDocument, PDFName, PDFRawStream } from 'pdf-lib'
import t from 'tap'
import { addDssDictionary } from '../support/document-engine/dss-dictionary.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { runTool } from '../support/validators/run-tool.ts'
import { withTemporaryFiles } from '../support/validators/temporary-files.ts'

const NOTHING = { certificates: [], ocspResponses: [], crls: [] }
const DATA = {
  certificates: [Buffer.from('certificate'), Buffer.from('another')],
  ocspResponses: [Buffer.from('response')],
  crls: [Buffer.from('stream endstream')],
}

/** Returns the entries of the DSS dictionary: the decoded streams of arrays, and others as PDF writes them. */
async function entriesOf(pdf: Uint8Array) {
  const doc = await PDFDocument.load(pdf, { updateMetadata: false })
  const dictionary = doc.catalog.lookup(PDFName.of('DSS'), PDFDict)
  const entries = dictionary.keys().map((key) => {
    const value = dictionary.lookup(key)
    if (!(value instanceof PDFArray)) return [key.decodeText(), `${value}`]
    const streams = value.asArray().map((_, index) => value.lookup(index, PDFRawStream))
    return [
      key.decodeText(),
      streams.map((stream) => Buffer.from(decodePDFRawStream(stream).decode()).toString()),
    ]
  })
  return Object.fromEntries(entries)
}

for (const objectStreams of [false, true]) {
  const kind = objectStreams ? 'a cross-reference stream' : 'a cross-reference table'

  t.test(`a PDF with ${kind} gets the data as it is, in an update of the same kind`, async (t) => {
    const original = await samplePdf({ objectStreams })
    const pdf = await addDssDictionary(original, DATA)
    t.ok(pdf.subarray(0, original.length).equals(original), 'the bytes before are a prefix')
    t.same(await entriesOf(pdf), {
      Certs: ['certificate', 'another'],
      OCSPs: ['response'],
      CRLs: ['stream endstream'],
    })
    const update = pdf.toString('latin1', original.length)
    t.equal(update.includes('/Type /XRef'), objectStreams)
    t.equal(update.includes('trailer'), !objectStreams)
    const poppler = await withTemporaryFiles({ pdf }, (path) => runTool('pdfinfo', [path.pdf]))
    t.match(poppler, { exitCode: 0, stderr: '', stdout: /Pages: +1\n/ })
  })

  t.test(`a dictionary that is there in a PDF with ${kind} keeps what it has`, async (t) => {
    const once = await addDssDictionary(await samplePdf({ objectStreams }), DATA)
    const more = { certificates: [Buffer.from('third'), ...DATA.certificates], ocspResponses: [], crls: [] }
    const twice = await addDssDictionary(once, more)
    t.ok(twice.subarray(0, once.length).equals(once))
    t.match(await entriesOf(twice), {
      Certs: ['certificate', 'another', 'third'],
      OCSPs: ['response'],
      CRLs: ['stream endstream'],
    })
  })
}

for (const indirect of [false, true]) {
  t.test(`${indirect ? 'indirect' : 'direct'} objects of another writer are added to`, async (t) => {
    const doc = await PDFDocument.load(await samplePdf(), { updateMetadata: false })
    const { context } = doc
    const place = <T extends Parameters<typeof context.register>[0]>(object: T) =>
      indirect ? context.register(object) : object
    const certificate = context.register(context.flateStream('certificate'))
    const dictionary = context.obj({ Type: 'DSS', Certs: place(context.obj([certificate])), VRI: {} })
    doc.catalog.set(PDFName.of('DSS'), place(dictionary))
    const original = Buffer.from(await doc.save({ useObjectStreams: false }))
    t.same(await entriesOf(await addDssDictionary(original, DATA)), {
      Type: '/DSS',
      Certs: ['certificate', 'another'],
      VRI: '<<\n>>',
      OCSPs: ['response'],
      CRLs: ['stream endstream'],
    })
  })
}

t.test('what is there twice is written once, and arrays of nothing are left out', async (t) => {
  const [one] = DATA.certificates
  const pdf = await addDssDictionary(await samplePdf(), { ...NOTHING, certificates: [one, one] as Buffer[] })
  t.same(await entriesOf(pdf), { Certs: ['certificate'] })
})

t.test('what is not a PDF is refused', async (t) => {
  await t.rejects(addDssDictionary(Buffer.from('hello'), NOTHING), { code: 'NOT_A_PDF' })
})
