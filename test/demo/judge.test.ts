/** Tries to fool the judge of the demo with PDFs that were made for it. */
import t from 'tap'
import { judge } from '../../docker/demo/judge.ts'
import { makeFixture } from '../document-engine/fixture.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { signPdf } from '../support/document-engine/sign-pdf.ts'

const { keys, nssDatabase, service } = await makeFixture(t)
const anchors = { nssDatabase, root: keys.rootCertificate }
const { pdf } = await signPdf({ pdf: await samplePdf(), url: service.url })

t.test('a signature of the whole document', async (t) => {
  t.match(await judge(pdf, anchors), [{ valid: true, wholeDocument: true, fieldName: 'Signature1' }])
})

t.test('a signature of a document to which something was added', async (t) => {
  const added = Buffer.concat([pdf, Buffer.from('% added\n')])
  t.match(await judge(added, anchors), [{ valid: true, wholeDocument: false }])
})

t.test('what looks like a signature beside the one that is there', async (t) => {
  const decoy = Buffer.concat([pdf, Buffer.from('% /ByteRange [0 9 99 100]\n')])
  t.match(await judge(decoy, anchors), [
    { valid: true, wholeDocument: false },
    { valid: false, fieldName: 'unknown', findings: [{ message: 'It does not see this signature.' }, {}] },
  ])
})

t.test('a signature that pdfsig alone tells of', async (t) => {
  const hidden = Buffer.from(pdf.toString('latin1').replace('/ByteRange [', '/Byte#52ange['), 'latin1')
  await t.rejects(judge(hidden, anchors), { message: 'pdfsig tells of 1 signatures, and the PDF has 0' })
})

t.test('more signatures than anybody makes', async (t) => {
  const many = Buffer.concat([pdf, Buffer.from('% /ByteRange [0 9 99 100]\n'.repeat(1000))])
  await t.rejects(judge(many, anchors), { message: 'It has more than 100 signatures' })
})
