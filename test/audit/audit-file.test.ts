import { execFileSync, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AuditFile } from '../../src/audit/audit-file.ts'
import { Chain, type ChainEnd, EMPTY_CHAIN } from '../../src/audit/chain.ts'
import { MAX_LINE_BYTES } from '../../src/audit/read-lines.ts'
import { rotatedName } from '../../src/common/rotated-file.ts'
import {
  findChainProblems,
  listFiles,
  namesBeside,
  pathsIn,
  readLines,
  readRecords,
  sha256,
} from '../support/audit-records.ts'
import { mountDisk, mountFile } from '../support/mounted-disk.ts'
import { until } from '../support/signing.ts'

const LARGE = 1_000_000_000
const folders = t.testdir()
const createPath = pathsIn(folders)

/** Writes a file as a service does: each call of `append` adds a record. */
class Writer {
  readonly file: AuditFile
  chain: Chain

  private constructor(file: AuditFile, chain: Chain) {
    this.file = file
    this.chain = chain
  }

  static async open(t: Test, path: string, rotateBytes = LARGE, onUnmovable = (_: unknown) => {}) {
    const file = new AuditFile(path, rotateBytes, onUnmovable)
    t.teardown(() => file.close())
    await file.lock()
    const found = await file.open()
    const writer = new Writer(file, new Chain('one', found.end))
    return { writer, found }
  }

  append(version = '1') {
    const { number } = this.chain.end
    return this.file.append(this.chain.add({ kind: 'started', reason: 'start', version }), number + 1)
  }
}

/** A file with so many records, which nobody writes any more. */
async function createFile(
  t: Test,
  count: number,
  rotateBytes = LARGE,
): Promise<{ path: string; end: ChainEnd }> {
  const path = createPath()
  const { writer } = await Writer.open(t, path, rotateBytes)
  for (let number = 0; number < count; number += 1) {
    await writer.append()
  }
  await writer.file.close()
  return { path, end: writer.chain.end }
}

t.test('a file is made for its user and group, whatever the umask allows others', async (t) => {
  const before = process.umask(0)
  t.teardown(() => process.umask(before))
  const { path } = await createFile(t, 1)
  t.equal(statSync(path).mode & 0o777, 0o640)
  t.equal(statSync(`${path}.lock`).mode & 0o777, 0o640)
  process.umask(0o077)
  const { path: strict } = await createFile(t, 1)
  t.equal(statSync(strict).mode & 0o777, 0o600)
})

t.test('it goes on where it ended', async (t) => {
  const { path, end } = await createFile(t, 3)
  const { writer, found } = await Writer.open(t, path)
  t.same(found, { end, stream: 'one' })
  await writer.append()
  t.equal(readLines(path).length, 4)
  t.same(findChainProblems(readLines(path)), [])
})

t.test('one process has the lock, which goes with it', async (t) => {
  const { path } = await createFile(t, 1)
  const flock = () => spawnSync('flock', ['-n', `${path}.lock`, 'true']).status
  const { writer } = await Writer.open(t, path)
  await writer.file.lock()
  t.equal(flock(), 1)
  const second = new AuditFile(path, LARGE, () => {})
  await t.rejects(second.lock(), {
    message: 'is written by another process: each replica needs a file of its own',
  })
  await second.close()
  await writer.file.close()
  t.equal(flock(), 0)

  const program = join(folders, 'locks.mjs')
  const source = new URL('../../src/audit/audit-file.js', import.meta.url)
  writeFileSync(
    program,
    `import { AuditFile } from '${source}'
     import { spawn } from 'node:child_process'
     await new AuditFile(${JSON.stringify(path)}, 1).lock()
     process.send(spawn('sleep', ['1000'], { stdio: 'ignore' }).pid)
     setInterval(() => {}, 1000)`,
  )
  const child = fork(program, { execArgv: [] })
  const [grandchild] = (await once(child, 'message')) as [number]
  t.teardown(() => process.kill(grandchild, 'SIGKILL'))
  t.equal(flock(), 1)
  child.kill('SIGKILL')
  await until('the lock is free, though a process that it started goes on', () => flock() === 0)
})

t.test(
  'whoever removes the lock lets no two processes write: nothing is written until it is held again',
  async (t) => {
    const path = createPath()
    const { writer } = await Writer.open(t, path)
    await writer.append()
    rmSync(`${path}.lock`)
    const { writer: second } = await Writer.open(t, path)
    await second.append()
    await t.rejects(writer.append(), { message: /^is not locked any more: / })
    await t.rejects(writer.file.lock(), { message: /^is written by another process/ })
    await second.append()
    await second.file.close()
    await writer.file.lock()
    t.equal(spawnSync('flock', ['-n', `${path}.lock`, 'true']).status, 1)
    writer.chain = new Chain('one', (await writer.file.open()).end)
    await writer.append()
    t.same(findChainProblems(readLines(path)), [])
    t.equal(readLines(path).length, 4)
  },
)

t.test('without flock it says what is needed', async (t) => {
  const { PATH } = process.env
  t.teardown(() => {
    process.env.PATH = PATH
  })
  process.env.PATH = folders
  await t.rejects(new AuditFile(createPath(), LARGE, () => {}).lock(), {
    message: 'cannot be locked, for which flock of util-linux is needed (ENOENT)',
  })
  writeFileSync(join(folders, 'flock'), '#!/bin/sh\nexit 71\n')
  chmodSync(join(folders, 'flock'), 0o755)
  await t.rejects(new AuditFile(createPath(), LARGE, () => {}).lock(), {
    message: /is needed \(exit code 71\)$/,
  })
})

t.test('an incomplete last line is set aside', async (t) => {
  for (const torn of ['{"kind":"decis', '\0'.repeat(4096), '}']) {
    const { path, end } = await createFile(t, 2)
    appendFileSync(path, torn)
    const { writer, found } = await Writer.open(t, path)
    t.same(found, { end, stream: 'one', torn: { bytes: torn.length, sha256: sha256(torn) } })
    t.equal(readFileSync(`${path}.torn-${sha256(torn).slice(0, 16)}`, 'latin1'), torn)
    await writer.append()
    t.same(findChainProblems(readLines(path)), [])
    await writer.file.close()
    const { found: again } = await Writer.open(t, path)
    t.equal(again.torn, undefined)
  }
})

t.test('also if it is the only one, in the first file and after a rotation', async (t) => {
  const path = createPath()
  writeFileSync(path, '{"kind"')
  t.match((await Writer.open(t, path)).found, { end: EMPTY_CHAIN, torn: { bytes: 7 } })
  const { path: rotated, end } = await createFile(t, 2, 1)
  truncateSync(rotated, 5)
  // Its second record is gone, as if it had never been written whole
  const { writer, found } = await Writer.open(t, rotated, 1)
  t.match(found, { end: { number: end.number - 1 }, torn: { bytes: 5 } })
  await writer.append()
  t.same(findChainProblems(readLines(rotated)), [])
})

t.test('what is no record is not gone on with', async (t) => {
  const message =
    'has a line that is not a record: move it away, with the rotated files beside it, and a new chain begins'
  for (const wrong of [
    '\n',
    'text\n',
    '{}\n',
    '{"number":1}\n',
    '[]\n',
    'null\n',
    '{"number":1,"time":"now","stream":"one"}\n',
  ]) {
    const { path } = await createFile(t, 1)
    appendFileSync(path, wrong)
    await t.rejects(Writer.open(t, path), { message }, JSON.stringify(wrong))
    const { path: other } = await createFile(t, 1)
    writeFileSync(other, `${wrong}${readFileSync(other)}`)
    await t.rejects(Writer.open(t, other), { message }, `${JSON.stringify(wrong)} as the first`)
  }
  const { path: long } = await createFile(t, 1)
  appendFileSync(long, 'x'.repeat(2 * MAX_LINE_BYTES))
  await t.rejects(Writer.open(t, long), { message: /^has no end of a line in its last 2097152 bytes/ })
  t.equal(statSync(long).size > 2 * MAX_LINE_BYTES, true, 'and nothing was cut off')
  const { path: rotated } = await createFile(t, 2, 1)
  rmSync(rotated)
  appendFileSync(rotatedName(rotated, 1), 'text\n')
  await t.rejects(Writer.open(t, rotated), {
    message:
      'follows audit-000000000001.jsonl, which has a line that is not a record: move it away, with the rotated files beside it, and a new chain begins',
  })
})

t.test('what is not a file is refused', async (t) => {
  const { path } = await createFile(t, 1)
  const link = createPath()
  symlinkSync(path, link)
  const message = 'is a symbolic link: name the file that it leads to'
  await t.rejects(Writer.open(t, link), { message })
  symlinkSync(join(folders, 'nowhere'), `${link}.2`)
  await t.rejects(Writer.open(t, `${link}.2`), { message })
  t.notOk(existsSync(join(folders, 'nowhere')))
  const pipe = createPath()
  execFileSync('mkfifo', [pipe])
  await t.rejects(Writer.open(t, pipe), { message: 'is not a file' })
  const folder = createPath()
  mkdirSync(folder)
  await t.rejects(Writer.open(t, folder), { code: 'EISDIR' })
  await t.rejects(Writer.open(t, join(folders, 'missing', 'audit.jsonl')), { code: 'ENOENT' })
})

t.test('a large file is renamed after its first record before the next one is written', async (t) => {
  const path = createPath()
  const { writer } = await Writer.open(t, path, 500)
  for (let number = 1; number <= 7; number += 1) {
    await writer.append()
  }
  const names = listFiles(path).map((file) => file.split('/').at(-1))
  t.same(names, ['audit-000000000001.jsonl', 'audit-000000000004.jsonl', 'audit.jsonl'])
  t.same(findChainProblems(readLines(path)), [])
  t.match(JSON.parse(readFileSync(rotatedName(path, 4), 'utf8').split('\n')[0] ?? ''), { number: 4 })
  await writer.file.close()

  // Files that were rotated may be moved away at any time
  rmSync(rotatedName(path, 1))
  rmSync(rotatedName(path, 4))
  const { writer: next } = await Writer.open(t, path, 100)
  t.equal(next.chain.end.number, 7)
  await next.append()
  t.ok(existsSync(rotatedName(path, 7)), 'the first number is found again at a start')
  t.match(
    readRecords(path).map(({ number }) => number),
    [7, 8],
  )
})

t.test('a process that ended between rename and first record left a chain', async (t) => {
  for (const leave of [
    (path: string) => renameSync(path, rotatedName(path, 1)),
    (path: string) => {
      renameSync(path, rotatedName(path, 1))
      writeFileSync(path, '')
    },
  ]) {
    const { path, end } = await createFile(t, 3)
    leave(path)
    const { writer, found } = await Writer.open(t, path)
    t.same(found, { end, stream: 'one' })
    await writer.append()
    t.same(findChainProblems(readLines(path)), [])
    t.equal(readLines(path).length, 4)
  }
})

t.test('rotated files may be moved away also where no new one could be made', async (t) => {
  const folder = join(createPath(), '..')
  if (!(await mountDisk(t, folder, 'nr_inodes=5'))) {
    t.pass('a disk cannot be mounted here')
    return
  }
  const path = join(folder, 'audit.jsonl')
  const { writer } = await Writer.open(t, path, 1)
  await writer.append()
  await writer.append()
  writeFileSync(join(folder, 'other'), '')
  t.equal(readFileSync(`${path}.lock`, 'utf8'), '', 'nothing is noted while the file has a record')
  await t.rejects(writer.append(), { code: 'ENOSPC' })
  await writer.file.close()

  const moved = readLines(path)
  rmSync(rotatedName(path, 1))
  rmSync(rotatedName(path, 2))
  for (const _ of ['at a start', 'and at another one']) {
    const { writer: next, found } = await Writer.open(t, path)
    t.match(found, { end: { number: 2 }, stream: 'one' })
    await next.file.close()
  }
  const { writer: next } = await Writer.open(t, path)
  await next.append()
  t.same(findChainProblems([...moved, ...readLines(path)]), [])
  t.equal(statSync(`${path}.lock`).size, 0)
  await next.file.close()
  writeFileSync(`${path}.lock`, `${JSON.stringify({ end: EMPTY_CHAIN, stream: 'one' })}\n`)
  t.match((await Writer.open(t, path)).found, { end: { number: 3 } }, 'a note that was left behind')
  t.equal(statSync(`${path}.lock`).size, 0)
})

t.test('a line beside it that another program has written is not gone on with', async (t) => {
  const end = { number: 1, head: 'ab'.repeat(32), time: 0 }
  for (const note of [
    ...['1234', 'text', 'null', '{}', JSON.stringify({ end })],
    JSON.stringify({ end: { ...end, number: '1' }, stream: 'one' }),
    JSON.stringify({ end: { ...end, head: 1 }, stream: 'one' }),
    JSON.stringify({ end: { ...end, time: null }, stream: 'one' }),
  ]) {
    const path = createPath()
    writeFileSync(`${path}.lock`, `${note}\n`)
    await t.rejects(
      Writer.open(t, path),
      {
        message: /^has beside it a \.lock with a line that is not of this service: /,
      },
      note,
    )
  }
  const path = createPath()
  writeFileSync(`${path}.lock`, `${JSON.stringify({ end, stream: 'one' })}\n`)
  t.same((await Writer.open(t, path)).found, { end, stream: 'one' }, 'as is what this one has')
})

t.test('a file that cannot be renamed goes on, and is tried again after as many bytes', async (t) => {
  const { path } = await createFile(t, 1)
  const { size } = statSync(path)
  const unmount = await mountFile(t, path)
  if (unmount === undefined) {
    t.pass('a file cannot be mounted here')
    return
  }
  const reasons: unknown[] = []
  const { writer } = await Writer.open(t, path, 2 * size, (error) => reasons.push(error))
  writer.chain = new Chain('one', (await writer.file.open()).end)
  for (let number = 2; number <= 6; number += 1) {
    await writer.append()
  }
  t.match(reasons, [{ code: 'EBUSY' }, { code: 'EBUSY' }])
  t.equal(reasons.length, 2)
  t.equal(readLines(path).length, 6)
  t.equal(readFileSync(`${path}.lock`, 'utf8'), '')
  await unmount()
  for (let number = 7; number <= 10; number += 1) {
    await writer.append()
  }
  t.strictSame(
    [1, 7, 9].map((number) => existsSync(rotatedName(path, number))),
    [true, true, false],
  )
  t.same(findChainProblems(readLines(path)), [], 'of all files together')
  t.equal(readLines(path).length, 10)
})

t.test('only files of its name are taken for its own', async (t) => {
  const { path } = await createFile(t, 1)
  for (const other of [
    'audit-b-000000000001.jsonl',
    'audit-1.jsonl',
    'audit-000000000009.jsonl.gz',
    'audit-00000000000x.jsonl',
  ]) {
    writeFileSync(join(path, '..', other), 'text')
  }
  rmSync(path)
  t.same((await Writer.open(t, path)).found, { end: EMPTY_CHAIN })
})

t.test('a rotation overwrites nothing', async (t) => {
  const { path } = await createFile(t, 1)
  writeFileSync(rotatedName(path, 1), 'kept')
  const { writer } = await Writer.open(t, path, 1)
  await t.rejects(writer.append(), {
    message: 'is to become audit-000000000001.jsonl, which is there already',
  })
  t.equal(readFileSync(rotatedName(path, 1), 'utf8'), 'kept')
})

t.test('a file that others empty is not rotated, and the chain goes on', async (t) => {
  const path = createPath()
  const { writer } = await Writer.open(t, path, 1)
  await writer.append()
  await writer.append()
  truncateSync(path)
  await t.rejects(writer.append(), { message: 'was changed by another program' })
  t.strictSame(namesBeside(path), ['audit-000000000001.jsonl', 'audit.jsonl', 'audit.jsonl.lock'])
  const { end } = await writer.file.open()
  t.equal(end.number, 1, 'what was in it is gone')
})

t.test('a file that others remove, replace or change is noticed with the next record', async (t) => {
  const another = 'is another file than the one that was opened'
  const changed = 'was changed by another program'
  for (const [what, change, expected] of [
    ['removed', (path: string) => rmSync(path), { code: 'ENOENT' }],
    ['renamed', (path: string) => renameSync(path, `${path}.1`), { code: 'ENOENT' }],
    [
      'replaced',
      (path: string) => {
        writeFileSync(`${path}.new`, readFileSync(path))
        renameSync(`${path}.new`, path)
      },
      { message: another },
    ],
    ['emptied', (path: string) => truncateSync(path), { message: changed }],
    ['appended to', (path: string) => appendFileSync(path, 'text\n'), { message: changed }],
  ] as const) {
    const path = createPath()
    const { writer } = await Writer.open(t, path)
    await writer.append()
    change(path)
    await t.rejects(writer.append(), expected, what)
  }
})

t.test('what may not be on the disk is written once more before the chain goes on', async (t) => {
  const path = createPath()
  const { writer } = await Writer.open(t, path)
  await writer.append()
  // Another handle stands for a write of this process of which the system said that it failed
  const { length } = readFileSync(path)
  appendFileSync(path, writer.chain.add({ kind: 'started', reason: 'start', version: 'unsure' }))
  appendFileSync(path, 'torn')
  const before = readFileSync(path)
  t.ok(before.length > length)
  const found = await writer.file.open()
  t.equal(found.end.number, 2)
  t.match(found.torn, { bytes: 4 })
  t.equal(readFileSync(path, 'utf8'), before.subarray(0, -4).toString())
  await writer.append()
  t.same(findChainProblems(readLines(path)), [])
})

t.test('nothing but records and what belongs to them is beside the file', async (t) => {
  const { path } = await createFile(t, 3, 1)
  t.same(namesBeside(path), [
    'audit-000000000001.jsonl',
    'audit-000000000002.jsonl',
    'audit.jsonl',
    'audit.jsonl.lock',
  ])
})

t.test('free bytes are those of its disk', async (t) => {
  const { path } = await createFile(t, 1)
  const [, free] = execFileSync('df', ['--output=avail', '-B1', path], { encoding: 'utf8' }).split('\n')
  const bytes = await new AuditFile(path, LARGE, () => {}).freeBytes()
  t.ok(Math.abs(bytes - Number(free)) < Number(free) / 2, `${bytes} ${free}`)
})
