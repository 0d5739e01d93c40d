/** What Apache PDFBox finds in signed PDFs. */
import { join } from 'node:path'
import t from 'tap'
import { issue, RSA_2048 } from '../support/certificates.ts'
import { embed, signedBytes } from '../support/document-engine/embed.ts'
import { reserve } from '../support/document-engine/reserve.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { signInSoftware } from '../support/software-container.ts'
import { faultIn } from '../support/validators/bouncy-castle.ts'
import { startBouncyCastle, WITHOUT_JAVA } from '../support/validators/start-bouncy-castle.ts'

t.test('Apache PDFBox', { skip: WITHOUT_JAVA }, async (t) => {
  const directory = t.testdir()
  const root = issue(join(directory, 'ca'), { subject: '/CN=Root', ca: true })
  const signer = issue(join(directory, 'ca'), { subject: '/CN=Signer', issuer: root, key: RSA_2048 })
  const bouncyCastle = await startBouncyCastle(t)

  async function sign(pdf: Buffer): Promise<Buffer> {
    const options = { subFilter: 'ETSI.CAdES.detached', estimatedSize: 8192, signingTime: new Date() }
    const reserved = await reserve({ pdf, ...options })
    const content = signedBytes(reserved.pdf, reserved.byteRange)
    embed(reserved.pdf, reserved.byteRange, signInSoftware({ content, signer, chain: [root], type: 'cades' }))
    return reserved.pdf
  }

  async function judge(pdf: Buffer) {
    const signatures = await bouncyCastle.pdf(pdf, { anchors: root.certificateFile, type: 'cades' })
    return signatures.map(({ findings, ...rest }) => ({ ...rest, fault: faultIn(findings) }))
  }

  const once = await sign(await samplePdf())
  const twice = await sign(once)
  const first = { fieldName: 'Signature1', subFilter: 'ETSI.CAdES.detached', fault: undefined }

  t.test('finds a signature good, and still once another came after it', async (t) => {
    t.match(await judge(once), [{ ...first, wholeDocument: true }])
    const second = { ...first, fieldName: 'Signature2' }
    t.match(await judge(twice), [
      { ...first, wholeDocument: false },
      { ...second, wholeDocument: true },
    ])
  })

  t.test('finds changed bytes, in one signature or in both', async (t) => {
    const change = (position: number) => {
      const changed = Buffer.from(twice)
      changed.write('7', position)
      return changed
    }
    const inOriginal = await judge(change(twice.indexOf('/MediaBox [ 0 0 5') + '/MediaBox [ 0 0 '.length))
    t.match(inOriginal, [{ fault: /signature: .*digest/ }, { fault: /signature: .*digest/ }])
    const inUpdate = await judge(change(twice.lastIndexOf('/M (D:2') + '/M (D:2'.length))
    t.match(inUpdate, [{ fault: undefined }, { fault: /signature: .*digest/ }])
  })

  t.test('finds a signature that leaves out more than itself', async (t) => {
    const start = once.lastIndexOf('/ByteRange [')
    const [, from = ''] = /\/ByteRange \[0 (\d+) /.exec(once.toString('latin1', start)) ?? []
    const changed = Buffer.from(once)
    changed.write(String(Number(from) - 9), start + '/ByteRange [0 '.length)
    t.match(await judge(changed), [{ fault: /byte-range: it leaves out/ }])
  })

  t.test('finds nothing in a PDF without signatures, and reads no other files', async (t) => {
    t.same(await judge(await samplePdf()), [])
    await t.rejects(judge(Buffer.from('no PDF')), /IOException/)
  })
})
