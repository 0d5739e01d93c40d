/** Logs of many records: each change is found in them too, and they take no more memory than short ones. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { KEPT_HEADS } from '../../src/audit/verify-chain.ts'
import { type VerificationOptions, verifyLog } from '../../src/audit/verify-log.ts'
import {
  buildLog,
  createCheckpointAuthorities,
  LogBuilder,
  signStatement,
  split,
  started,
  trustIn,
  writeFiles,
} from '../support/audit-log.ts'
import { issue } from '../support/certificates.ts'

const directory = t.testdir()
const authorities = createCheckpointAuthorities(join(directory, 'authorities'))
const trust = trustIn(authorities)
let written = 0
/** Random places at which a log is changed, in five ways each. */
const PLACES = Number(process.env.AUDIT_CHANGES ?? 4)
/** Records of the longest log. */
const RECORDS = Number(process.env.AUDIT_RECORDS ?? 200_000)

function verify(parts: readonly (readonly string[])[], changes: Partial<VerificationOptions> = {}) {
  written += 1
  return verifyLog(writeFiles(join(directory, `log-${written}`), parts), { ...trust, ...changes })
}

t.test('each change of a log of 10,000 records is found', async (t) => {
  const lines = await buildLog(authorities, 10_000)
  const files = writeFiles(join(directory, 'whole'), split(lines, 7))
  t.ok((await verifyLog(files, trust)).proven)
  for (let tried = 0; tried < PLACES; tried++) {
    const index = Math.floor(Math.random() * (lines.length - 1))
    // A log that was closed there before is as whole as it was then
    const isClosed = lines[index]?.includes('"closes":true')
    const line = lines[index] as string
    const other = lines[index + 1] as string
    for (const [name, changed] of Object.entries({
      altered: lines.with(
        index,
        line.replace(/\d(?=\d*Z)/, (digit) => `${(Number(digit) + 1) % 10}`),
      ),
      removed: lines.toSpliced(index, 1),
      swapped: lines.with(index, other).with(index + 1, line),
      inserted: lines.toSpliced(index, 0, other),
      cut: isClosed ? [] : lines.slice(0, index + 1),
    })) {
      t.notOk((await verify(split(changed, 7))).proven, `${name}, at ${index}`)
    }
  }
  for (const [index, file] of files.entries()) {
    const next = files[index + 1]
    t.notOk((await verifyLog(files.toSpliced(index, 1), trust)).proven, `without file ${index}`)
    if (next !== undefined) {
      const exchanged = files.with(index, next).with(index + 1, file)
      t.notOk((await verifyLog(exchanged, trust)).proven, `file ${index} after the next one`)
    }
  }
})

t.test('many signers are not all listed', async (t) => {
  const log = new LogBuilder().add(started)
  for (let index = 0; index < 22; index++) {
    const signer = issue(directory, { subject: `/CN=Signer ${index}`, issuer: authorities.root })
    const statement = log.statement()
    log.checkpoint(statement, await signStatement(statement, signer))
  }
  const { checkpoints } = await verify([log.lines], { certificates: [] })
  t.equal(checkpoints.signed, 22)
  t.equal(checkpoints.signers.length, 20)
  t.equal(checkpoints.otherSigners, 2)
})

t.test('a statement may not be about records of long ago', async (t) => {
  const log = new LogBuilder().add(started)
  const statement = log.statement()
  log.decide(KEPT_HEADS).checkpoint(statement)
  t.match((await verify([log.lines])).wrong, { reason: /about record 1, which is too long before it/ })
  const near = new LogBuilder().add(started).decide(1)
  const second = near.statement()
  near.decide(KEPT_HEADS - 2).checkpoint(second)
  t.equal((await verify([near.lines])).wrong, undefined)
})

/** Writes a log of so many records without keeping it. */
async function writeLong(file: string, records: number): Promise<void> {
  const stream = createWriteStream(file)
  const log = new LogBuilder().add(started)
  for (let count = 0; count < records; count += 1000) {
    log.decide(1000)
    if (!stream.write(log.lines.splice(0).join(''))) {
      await once(stream, 'drain')
    }
  }
  const statement = log.statement()
  log.checkpoint(statement, await signStatement(statement, authorities.signer), true)
  stream.end(log.lines.join(''))
  await once(stream, 'finish')
}

/** Verifies a log in a process of its own. Returns its most resident memory in bytes, and how long it took in ms. */
async function measure(file: string): Promise<{ peak: number; ms: number }> {
  const module = fileURLToPath(new URL('../../src/audit/verify-log.js', import.meta.url))
  const script = join(directory, 'measure.mjs')
  writeFileSync(
    script,
    `import { verifyLog } from ${JSON.stringify(module)}
    import { readFileSync } from 'node:fs'
    import { X509Certificate } from 'node:crypto'
    const [file, root] = process.argv.slice(2)
    const certificates = [new X509Certificate(readFileSync(root))]
    const begin = performance.now()
    const { proven } = await verifyLog([file], { certificates, timestampAnchors: [], openStart: false, openEnd: false, heads: [] })
    console.log(JSON.stringify({ proven, peak: process.resourceUsage().maxRSS * 1024, ms: performance.now() - begin }))`,
  )
  const child = spawn(process.execPath, [script, file, authorities.root.certificateFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output] = await Promise.all([text(child.stdout), once(child, 'exit')])
  const { proven, ...measured } = JSON.parse(output)
  t.ok(proven)
  return measured
}

t.test('memory does not depend on the number of records', async (t) => {
  const [short, long] = [join(directory, 'short.jsonl'), join(directory, 'long.jsonl')]
  await writeLong(short, 10_000)
  await writeLong(long, RECORDS)
  const few = await measure(short)
  const many = await measure(long)
  t.comment(`${RECORDS} records in ${Math.round(many.ms / 1000)} s`)
  t.comment(`${Math.round(few.peak / 1e6)} MB for 10,000 records, ${Math.round(many.peak / 1e6)} MB for them`)
  // The file has 300 MB; what is not flat is the heap before it is collected, and the hashes that are kept
  t.ok(many.peak - few.peak < 150_000_000)
})
