/** A few of the containers that `npm run test:interop` has judged, as others judge them, then and later. */
import { join } from 'node:path'
import t from 'tap'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { faultIn } from '../support/validators/bouncy-castle.ts'
import { WITHOUT_DSS } from '../support/validators/dss.ts'
import { verifyCms } from '../support/validators/openssl.ts'
import { readPdfSignatures } from '../support/validators/pdf-signatures.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { startBouncyCastle, WITHOUT_JAVA } from '../support/validators/start-bouncy-castle.ts'
import { createJudges, type Judge } from './judges.ts'
import { startMaterial } from './material.ts'
import { LEVELS, nameOf, type Shape, SOME_SHAPES } from './shapes.ts'
import { judgeShape, judgeSigned, type Row, signShape, unjudged } from './verdicts.ts'

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
    const twice = await signShape(material, once.document, shapeOf(level))
    t.ok(
      twice.document.subarray(0, once.document.length).equals(once.document),
      'the bytes before are a prefix',
    )

    const { signatures } = await pdfsig(twice.document)
    t.match(signatures, [
      { fieldName: 'Signature1', valid: true, wholeDocument: false },
      { fieldName: 'Signature2', valid: true, wholeDocument: true },
    ])
    const embedded = readPdfSignatures(twice.document)
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

t.test('a level that is claimed too high is no valid one', { skip: WITHOUT_DSS }, async (t) => {
  // Its name and its revocation data tell the level
  const judge = judges.find(({ name }) => name === 'EU DSS') as Judge
  const claim = async (container: Shape['container'], signed: Shape['level'], claimed: Shape['level']) => {
    const shape = { ...shapeOf(signed), container }
    const made = await signShape(material, original, shape)
    return judgeSigned({ material, judge, original, shape: { ...shape, level: claimed }, signed: made })
  }
  t.same(await claim('pkcs7', 'b-b', 'b-t'), {
    outcome: 'INVALID',
    complaint: 'it is PAdES-BASELINE-B, not PAdES-BASELINE-T',
  })
  t.match(await claim('pkcs7', 'b-t', 'b-lt'), {
    outcome: 'INVALID',
    complaint: /No revocation data found for the certificate/,
  })
  t.same(await claim('file', 'b-t', 'b-lt'), {
    outcome: 'INVALID',
    complaint: 'it is CAdES-BASELINE-T, not CAdES-BASELINE-LT',
  })
  const withReason: Shape = { ...shapeOf('b-t'), key: 'statements-twice' }
  const signed = await signShape(material, original, withReason)
  t.same(
    await judgeSigned({ material, judge, original, shape: { ...withReason, key: 'statements' }, signed }),
    { outcome: 'INVALID', complaint: 'it is PDF-NOT-ETSI, not PAdES-BASELINE-T' },
  )
})

t.test('once nobody can be asked any more', { skip: WITHOUT_JAVA }, async (t) => {
  const { anchors, timestampAnchors } = material
  const bouncyCastle = await startBouncyCastle(t)
  const signed = new Map<Shape['level'], Buffer>()
  for (const level of LEVELS) {
    const once = await signShape(material, original, shapeOf(level))
    signed.set(level, (await signShape(material, once.document, shapeOf(level))).document)
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
