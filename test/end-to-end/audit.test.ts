/** The commands of docs/audit.md, on a log whose checkpoints OpenSSL has signed. */
import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { hashLine } from '../../src/audit/chain.ts'
import {
  createCheckpointAuthorities,
  decision,
  LogBuilder,
  signatureOf,
  split,
  started,
  writeFiles,
} from '../support/audit-log.ts'
import { embed, signedBytes } from '../support/document-engine/embed.ts'
import { reserve } from '../support/document-engine/reserve.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { codeBlocks } from '../support/markdown.ts'
import { readChapter } from '../support/pages.ts'
import { signWithOpenssl } from '../support/software-container.ts'
import { readWalk } from '../support/walk.ts'

const directory = t.testdir({ forged: {} })
const path = (name: string) => join(directory, name)
const authorities = createCheckpointAuthorities(path('authorities'))
copyFileSync(authorities.root.certificateFile, path('ca.pem'))
copyFileSync(authorities.signer.certificateFile, path('signer.pem'))
copyFileSync(authorities.timestamps.root.certificateFile, path('tsa-ca.pem'))

const subFilter = 'ETSI.CAdES.detached'
const reserved = { pdf: await samplePdf(), subFilter, estimatedSize: 9000, signingTime: new Date() }
const { pdf, byteRange } = await reserve(reserved)
const content = signedBytes(pdf, byteRange)
const signed = { content, signers: [authorities.signer], chain: [], hash: 'sha256', cades: true } as const
const container = await signWithOpenssl(signed)
embed(pdf, byteRange, container)
writeFileSync(path('signed.pdf'), pdf)

const sha256 = (octets: Uint8Array) => createHash('sha256').update(octets).digest('hex')
const log = new LogBuilder().add(started).decide(10)
log.add(decision({ outcome: 'refused', code: 'HSM_BUSY', subject: 'letters-app' }))
log.add(
  decision({ digest: sha256(content), signatureSha256: sha256(signatureOf(container)), subject: 'bob' }),
)
await log.sign(authorities, { between: 3 })
await log.decide(5).sign(authorities, { closes: true, timestamped: true })
writeFiles(directory, split(log.lines, 3))

const chapters = ['Check it with our command', 'Check it with OpenSSL alone'].map((heading) =>
  readChapter('docs/audit.md', heading),
)
const { left, runNext } = readWalk(chapters.join('\n'), directory, [])

t.test('our command', async (t) => {
  t.match(await runNext(), /\nPROVEN\n$/)
  t.match(await runNext(), /^NUMBER .*\n12 +\S+ +refused +HSM_BUSY +letters-app .*\n$/)
  t.match(await runNext(), /^Signature 1 of 1, .*\n {2}it was signed at \S+ for bob at 192\.0\.2\.7, /)
})

t.test('the chain, with a shell and OpenSSL', async (t) => {
  await runNext()
  t.equal(readFileSync(path('all.jsonl'), 'utf8'), log.lines.join(''))
  const [one, other] = (await runNext()).trim().split('\n')
  t.equal(one, hashLine((log.lines[0] as string).trimEnd()))
  t.equal(other, one)
  const head = hashLine((log.lines.at(-1) as string).trimEnd())
  t.equal(await runNext(), `${log.lines.length} records, the last one has the SHA-256 ${head}\n`)
})

t.test('the last checkpoint and its timestamp', async (t) => {
  await runNext()
  t.match(await runNext(), /^subject=O = Test, CN = Audit$/m)
  const [stated, found] = (await runNext()).trim().split('\n')
  t.equal(stated, hashLine((log.lines.at(-2) as string).trimEnd()))
  t.equal(found, stated)
  t.match(await runNext(), /^Verification: OK\nTime stamp: .* GMT\n$/)
  t.same(left, [])
})

t.test('the same commands find what is wrong', async (t) => {
  const blocks = readChapter('docs/audit.md', 'Check it with OpenSSL alone')
  const run = (name: string, lines: readonly string[], certificates = authorities.root.certificateFile) => {
    const folder = t.testdir({})
    writeFileSync(join(folder, 'all.jsonl'), lines.join(''))
    copyFileSync(certificates, join(folder, 'ca.pem'))
    const of = codeBlocks(blocks, 'sh').filter((block) => block.includes(name))
    return readWalk(`\`\`\`sh\n${of.join('\n')}\`\`\`\n`, folder, []).runNext()
  }
  /** Returns the output of a command that has failed. */
  const failure = (run: Promise<string>): Promise<{ stdout: string; stderr: string }> =>
    run.then(
      () => Promise.reject(new Error('it has not failed')),
      (error) => error,
    )
  const altered = log.lines.with(4, (log.lines[4] as string).replace('contracts-app', 'nobody'))
  t.match(await failure(run('is wrong', altered)), { stdout: 'record 6 is wrong\n' })
  t.match(await failure(run('is wrong', log.lines.toSpliced(7, 1))), { stdout: 'record 8 is wrong\n' })
  const restated = log.lines.with(-1, (log.lines.at(-1) as string).replace('"records":22', '"records":21'))
  t.match(await failure(run('openssl cms -verify', restated)), { stderr: /verification failure/i })
  const { timestamps } = authorities
  t.match(await failure(run('openssl cms -verify', log.lines, timestamps.root.certificateFile)), {
    stderr: /unable to get local issuer certificate/,
  })
  t.equal(await run('openssl cms -verify', log.lines), '')
})
