/** Validators judge PDFs with a DSS dictionary, once nobody can be asked any more. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { addDssDictionary, type ValidationData } from '../support/document-engine/dss-dictionary.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { collectValidationData } from '../support/document-engine/validation-data.ts'
import { repositoryPath } from '../support/repository.ts'
import { tokenFor } from '../support/signers.ts'
import { faultIn } from '../support/validators/bouncy-castle.ts'
import { startDss, WITHOUT_DSS } from '../support/validators/dss.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { runTool } from '../support/validators/run-tool.ts'
import { startBouncyCastle, WITHOUT_JAVA } from '../support/validators/start-bouncy-castle.ts'
import { startMaterial } from './material.ts'
import { nameOf, type Shape, signerOf } from './shapes.ts'
import { signShape } from './verdicts.ts'

const TIMEOUT_MS = 30_000

const shapeOf = (shape: Partial<Shape>): Shape => ({
  ...{ container: 'pkcs7', dss: true, type: 'cades', level: 'b-t', key: 'rsa-2048', hash: 'sha256' },
  ...shape,
})
const SHAPES = [
  shapeOf({ container: 'raw' }),
  ...(['b-t', 'b-lt'] as const).flatMap((level) => [
    shapeOf({ level }),
    shapeOf({ level, key: 'pss' }),
    shapeOf({ level, key: 'p-256' }),
    shapeOf({ level, key: 'p-384', hash: 'sha384' }),
  ]),
]

const LONG_TERM = { format: 'PAdES-BASELINE-LT', complaints: [], warnings: [] }
const BOTH_VALID = {
  signatures: [
    { fieldName: 'Signature1', valid: true },
    { fieldName: 'Signature2', valid: true },
  ],
}

t.test('a PDF with a DSS dictionary', { skip: WITHOUT_DSS }, async (t) => {
  const directory = t.testdir()
  const material = await startMaterial(t, join(directory, 'material'), SHAPES)
  const { anchors, timestampAnchors, authorities } = material
  const dss = await startDss(t)
  const original = await samplePdf()
  const judge = (pdf: Uint8Array) => dss.judge({ pdf }, { anchors, timestampAnchors, online: false })

  const pdfs = new Map<string, Buffer>()
  for (const shape of SHAPES) {
    pdfs.set(nameOf(shape), (await signShape(material, original, shape)).document)
  }
  const objectStreams = await samplePdf({ objectStreams: true })
  const compressed = (await signShape(material, objectStreams, shapeOf({}))).document
  pdfs.set('with a cross-reference stream', compressed)

  const twice = new Map<string, Buffer>()
  for (const [first, second] of [
    [shapeOf({ container: 'raw' }), shapeOf({ key: 'p-256' })],
    [shapeOf({ key: 'pss' }), shapeOf({ container: 'raw' })],
  ] as const) {
    const once = pdfs.get(nameOf(first)) as Buffer
    const { document } = await signShape(material, once, second)
    t.ok(document.subarray(0, once.length).equals(once), 'the bytes before are a prefix')
    twice.set(`${nameOf(first)}, then ${nameOf(second)}`, document)
  }
  twice.set(
    'with cross-reference streams',
    (await signShape(material, compressed, shapeOf({ level: 'b-lt' }))).document,
  )
  const { document: withoutUpdate } = await signShape(material, compressed, shapeOf({ dss: false }))

  const commandLine = join(directory, 'command.pdf')
  await writeFile(join(directory, 'in.pdf'), original)
  const { exitCode, stderr } = await runTool(process.execPath, [
    repositoryPath('dist/test/support/document-engine/cli.js'),
    ...[join(directory, 'in.pdf'), commandLine, '--url', material.url, '--timeout', `${TIMEOUT_MS}`],
    ...['--signing-token', tokenFor(signerOf(shapeOf({})))],
    ...['--container', 'raw', '--dss', '--tsa', authorities.timestampUrl],
  ])
  t.equal(exitCode, 0, stderr)
  pdfs.set('by the command', await readFile(commandLine))

  const plain = await signShape(material, original, shapeOf({ dss: false }))
  const complete = await collectValidationData(plain.cms, TIMEOUT_MS)
  await authorities.server.close()

  for (const [name, pdf] of pdfs) {
    t.test(`${name} is PAdES-BASELINE-LT`, async (t) => {
      t.same(await judge(pdf), [LONG_TERM])
    })
  }

  for (const [name, pdf] of twice) {
    t.test(`${name}: both signatures stay valid`, async (t) => {
      t.same(await judge(pdf), [LONG_TERM, LONG_TERM])
      t.match(await pdfsig(pdf), BOTH_VALID)
    })
  }

  t.test(
    'is as it was once a signature follows, which is of T until the dictionary knows of it',
    async (t) => {
      t.same(await judge(withoutUpdate), [LONG_TERM, { ...LONG_TERM, format: 'PAdES-BASELINE-T' }])
      t.match(await pdfsig(withoutUpdate), BOTH_VALID)
    },
  )

  t.test('takes each OCSP response and each CRL', async (t) => {
    t.same(await judge(await addDssDictionary(plain.document, complete)), [LONG_TERM])
    const kinds: readonly (keyof ValidationData)[] = ['ocspResponses', 'crls']
    for (const kind of kinds) {
      t.equal(complete[kind].length, 2)
      for (const one of complete[kind]) {
        const less = { ...complete, [kind]: complete[kind].filter((other) => other !== one) }
        const [signature] = await judge(await addDssDictionary(plain.document, less))
        t.not(signature?.complaints.length, 0, `${kind}: ${signature?.complaints.join('; ')}`)
      }
    }
  })

  t.test('is good to PDFBox, too', { skip: WITHOUT_JAVA }, async (t) => {
    const bouncyCastle = await startBouncyCastle(t)
    const demands = { anchors, timestampAnchors, type: 'cades', level: 'b-t' } as const
    for (const [name, pdf] of [...pdfs, ...twice]) {
      for (const { findings } of await bouncyCastle.pdf(pdf, demands)) {
        t.equal(faultIn(findings), undefined, name)
      }
    }
  })
})
