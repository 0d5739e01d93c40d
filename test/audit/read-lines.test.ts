import { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MAX_LINE_BYTES, readFiles, readLines, UnreadableFile } from '../../src/audit/read-lines.ts'

const file = join(t.testdir(), 'lines')

async function read(content: string | Buffer) {
  writeFileSync(file, content)
  const lines: [number, string, string][] = []
  for await (const { number, bytes, end } of readLines(file)) {
    lines.push([number, bytes.toString('latin1'), end])
  }
  return lines
}

t.test('lines are read with their numbers, and the last one need not end', async (t) => {
  t.same(await read(''), [])
  t.same(await read('a\n\nb\r\n'), [
    [1, 'a', 'line feed'],
    [2, '', 'line feed'],
    [3, 'b\r', 'line feed'],
  ])
  t.same(await read('a\nb'), [
    [1, 'a', 'line feed'],
    [2, 'b', 'file'],
  ])
})

t.test('a line can be in several pieces of the file', async (t) => {
  const lines = ['a'.repeat(700_000), 'b'.repeat(700_000), 'c'.repeat(MAX_LINE_BYTES - 1), 'd']
  t.same(
    await read(`${lines.join('\n')}\n`),
    lines.map((line, index) => [index + 1, line, 'line feed']),
  )
})

t.test('nothing is read behind a line that is too long', async (t) => {
  const long = 'a'.repeat(MAX_LINE_BYTES)
  t.same(await read(`b\n${long}\nc\n`), [
    [1, 'b', 'line feed'],
    [2, long, 'limit'],
  ])
  t.same(await read(long), [[1, long, 'limit']])
})

t.test('a file that cannot be read is named', async (t) => {
  const lines = readLines(`${file}-none`)
  const error = await lines.next().catch((error) => error)
  t.ok(error instanceof UnreadableFile)
  t.match(error.message, `${file}-none cannot be read: ENOENT`)
})

t.test('the last file is the one that it was at the beginning, whatever becomes of its name', async (t) => {
  const files = ['first', 'second', 'last'].map((name) => `${file}-${name}`)
  const last = files[2] as string
  for (const name of files) {
    writeFileSync(name, 'old\n')
  }
  const read: [string, string, boolean][] = []
  for await (const { file, lines, isLast } of readFiles(files)) {
    for await (const { bytes } of lines) {
      read.push([file, `${bytes}`, isLast])
    }
    if (file === files[0]) {
      renameSync(last, `${last}-renamed`)
      writeFileSync(last, 'new\n')
    }
  }
  t.same(
    read,
    files.map((name) => [name, 'old', name === last]),
  )
  await t.rejects(readFiles([...files, `${file}-none`]).next(), { message: /-none cannot be read: ENOENT/ })
})

t.test('files are closed where not all is read', async (t) => {
  const open = () => readdirSync('/proc/self/fd').length
  const files = ['one', 'two'].map((name) => `${file}-${name}`)
  for (const name of files) {
    writeFileSync(name, 'line\nline\n')
  }
  const before = open()
  for (const last of files) {
    for await (const { file, lines } of readFiles(files)) {
      await lines.next()
      await lines.return()
      if (file === last) {
        break
      }
    }
  }
  t.equal(open(), before)
})
