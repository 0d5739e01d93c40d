import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { decision, LogBuilder, parse, started } from '../../support/audit-log.ts'
import { MAIN, runCommand } from '../../support/command.ts'

const directory = t.testdir()
const file = join(directory, 'audit.jsonl')
const log = new LogBuilder().add(started, decision({ requestId: 'first', level: 'b-t' }))
log.now += 3_600_000
log.add(decision({ requestId: 'second', subject: 'letters', signer: 'letters', digest: 'ab'.repeat(32) }))
log.add(decision({ requestId: 'third', outcome: 'refused', code: 'HSM_BUSY' }))
log.add({ kind: 'refusals', count: 5, codes: { HSM_BUSY: 2, NOT_ALLOWED: 3 }, subject: 'letters' })
writeFileSync(file, log.lines.join(''))
const show = (...args: string[]) => runCommand({}, 'audit', 'show', file, ...args)
/** Numbers of the records that are shown. */
async function shown(...args: string[]): Promise<number[]> {
  const { exitCode, stdout, stderr } = await show(...args, '--json')
  t.equal(exitCode, 0, stderr)
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => parse(line).number)
}

t.test('decisions are listed, and what sums up others', async (t) => {
  const { exitCode, stdout } = await show()
  t.equal(exitCode, 0)
  const [header = '', ...rows] = stdout.trimEnd().split('\n')
  t.match(
    header,
    /^NUMBER +TIME +OUTCOME +CODE +SUBJECT +ADDRESS +ACTION +SIGNER +LEVEL +HASH +DIGEST +REQUEST$/,
  )
  t.equal(rows.length, 4)
  t.match(
    rows[0],
    /^2 +\S+Z +signed +- +contracts-app +192\.0\.2\.7 +container +contracts +b-t +sha256 +d{64} +first$/,
  )
  t.match(rows[2], /^4 +\S+Z +refused +HSM_BUSY +contracts-app /)
  t.match(rows[3], /^5 +\S+Z +5 refused +2 HSM_BUSY, 3 NOT_ALLOWED +letters +-/)
})

t.test('lines are printed as they are', async (t) => {
  const { stdout } = await show('--json', '--outcome', 'signed')
  t.equal(stdout, log.lines.slice(1, 3).join(''))
})

t.test('what is not asked for is left out', async (t) => {
  t.same(await shown(), [2, 3, 4, 5])
  t.same(await shown('--outcome', 'refused'), [4, 5])
  t.same(await shown('--code', 'HSM_BUSY'), [4, 5])
  t.same(await shown('--code', 'NOT_ALLOWED'), [5])
  t.same(await shown('--subject', 'letters'), [3, 5])
  t.same(await shown('--signer', 'letters'), [3])
  t.same(await shown('--digest', 'AB'.repeat(32)), [3])
  const { time } = parse(log.lines[2] as string)
  t.same(await shown('--since', time), [3, 4, 5])
  t.same(await shown('--until', time), [2])
  t.same(await shown('--since', time.replace('Z', '+00:00'), '--until', time), [])
  t.same(await shown('--until', '2001-01-01'), [])
  t.same(await shown('--until', '2000-02-29T23:30:00-01:00'), [])
  t.equal((await show('--until', '2001-01-01')).stdout, 'There are no such records.\n')
})

t.test('long lists are printed part by part', async (t) => {
  const long = join(directory, 'long.jsonl')
  writeFileSync(long, new LogBuilder().add(started).decide(2000).lines.join(''))
  const table = await runCommand({}, 'audit', 'show', long)
  t.equal(table.stdout.match(/^NUMBER/gm)?.length, 2)
  t.equal(table.stdout.trimEnd().split('\n').length, 2002)
  t.equal((await runCommand({}, 'audit', 'show', long, '--json')).stdout.trimEnd().split('\n').length, 2000)

  // The line that is no record is never read, since the reader has left
  const wrong = join(directory, 'wrong-end.jsonl')
  writeFileSync(wrong, 'text\n')
  const child = spawn(process.execPath, [MAIN, 'audit', 'show', ...Array(20).fill(long), wrong, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  await once(child.stdout, 'readable')
  child.stdout.destroy()
  t.same(await exited, [0, null])
})

t.test('wrong usage, and lines that are no records', async (t) => {
  for (const args of [
    ['--since', 'yesterday'],
    ['--since', '2026-11-27T05:00'],
    ['--until', '2026-13-01'],
    ['--since', '2026-02-31'],
    ['--until', '2026-02-29T05:00:00+01:00'],
    ['--digest', 'abc'],
    ['--outcome', 'lost'],
  ]) {
    t.equal((await show(...args)).exitCode, 2, args.join(' '))
  }
  const wrong = join(directory, 'wrong.jsonl')
  writeFileSync(wrong, `${log.lines[0]}text\n`)
  const { exitCode, stderr } = await runCommand({}, 'audit', 'show', wrong)
  t.equal(exitCode, 1)
  t.equal(stderr, `${wrong}, line 2 is not valid JSON\n`)
  writeFileSync(wrong, `${log.lines[0]}{"access":`)
  t.equal((await runCommand({}, 'audit', 'show', wrong)).exitCode, 0, 'which the service may be writing')
  writeFileSync(wrong, `"${'a'.repeat(1_048_576)}"\n`)
  t.match((await runCommand({}, 'audit', 'show', wrong)).stderr, /line 1 is longer than 1048576 bytes/)
  t.match((await runCommand({}, 'audit', 'show', directory)).stderr, /cannot be read: EISDIR/)
})
