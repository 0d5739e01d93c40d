/** A few of the containers that `npm run test:interop` has judged, as others judge them, then and later. */
import { join } from 'node:path'
import t from 'tap'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { faultIn } from '../support/validators/bouncy-castle.ts'
import { verifyCms } from '../support/validators/openssl.ts'
import { readPdfSignatures } from '../support/validators/pdf-signatures.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { startBouncyCastle, WITHOUT_JAVA } from '../support/validators/start-bouncy-castle.ts'
import { createJudges } from './judges.ts'
import { startMaterial } from './material.ts'
import { LEVELS, nameOf, type Shape, SOME_SHAPES } from './shapes.ts'
import { judgeShape, type Row, signShape, unjudged } from './verdicts.ts'

const material = await startMaterial(t, join(t.testdir(), 'material'), SOME_SHAPES)
const judges = await createJudges(t, material)
const original = await samplePdf()
const rows: Row[] = []

for (const shape of SOME_SHAPES) {
  t.test(`${nameOf(shape)} is valid to all who can judge it`, async (t) => {
    const row = await judgeShape(material, judges, original, shape)
    for (const [name, { outcome, complaint }] of Object.entries(row.verdicts)) {
      t.not(outcome, 'INVALID', [name, outcome, complaint].filter(Boolean).join(': '))
    }
    rows.push(row)
  })
}

t.test('each validator can judge some of each', async (t) => {
  t.equal(rows.length, SOME_SHAPES.length)
  t.same(unjudged(rows), [])
})

const shapeOf = (level: Shape['level']): Shape => ({
  ...{ container: 'pkcs7', type: 'cades', level, key: 'rsa-2048', hash: 'sha256' },
})

for (const level of LEVELS) {
  t.test(`a PDF with a ${level} signature can be signed once more`, async (t) => {
    const once = await signShape(material, original, shapeOf(level))
    const twice = await signShape(material, once.pdf, shapeOf(level))
    t.ok(twice.pdf.subarray(0, once.pdf.length).equals(once.pdf), 'the bytes before are a prefix')

    const { signatures } = await pdfsig(twice.pdf)
    t.match(signatures, [
      { fieldName: 'Signature1', valid: true, wholeDocument: false },
      { fieldName: 'Signature2', valid: true, wholeDocument: true },
    ])
    const embedded = readPdfSignatures(twice.pdf)
    t.ok(embedded[0]?.cms.equals(once.cms), 'the first container is what it was')
    for (const { cms, signedBytes: content } of embedded) {
      const { valid, message } = await verifyCms({
        cms,
        content,
        trustAnchors: material.anchors,
        cades: true,
      })
      t.ok(valid, message)
    }
    t.equal(embedded.length, 2)
  })
}

t.test('once nobody can be asked any more', { skip: WITHOUT_JAVA }, async (t) => {
  const { anchors, timestampAnchors } = material
  const bouncyCastle = await startBouncyCastle(t)
  const signed = new Map<Shape['level'], Buffer>()
  for (const level of LEVELS) {
    const once = await signShape(material, original, shapeOf(level))
    signed.set(level, (await signShape(material, once.pdf, shapeOf(level))).pdf)
  }
  await material.authorities.server.close()

  for (const [level, pdf] of signed) {
    t.test(`PDFBox and Bouncy Castle find both ${level} signatures of a PDF complete`, async (t) => {
      const demands = { anchors, timestampAnchors, type: 'cades', level, at: new Date() } as const
      const signatures = await bouncyCastle.pdf(pdf, demands)
      t.match(signatures, [
        { fieldName: 'Signature1', subFilter: 'ETSI.CAdES.detached', wholeDocument: false },
        { fieldName: 'Signature2', subFilter: 'ETSI.CAdES.detached', wholeDocument: true },
      ])
      t.same(
        signatures.map(({ findings }) => faultIn(findings)),
        [undefined, undefined],
      )
    })
  }
})
