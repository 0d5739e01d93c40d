import { execFileSync } from 'node:child_process'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { describeUnreadable, readPin } from '../../src/configuration/read-pin.ts'

const PIN = 'crypto-user:pin-4711'
const directory = t.testdir({ empty: '' })
const path = (name: string) => join(directory, name)

t.test('takes what came by IPC, where no file holds the PIN', async (t) => {
  t.equal(await readPin({ variable: 'HSM_PIN' }, PIN), PIN)
  writeFileSync(path('file'), 'of the file')
  t.equal(await readPin({ file: path('file') }, PIN), 'of the file')
  for (const nothing of [undefined, '']) {
    await t.rejects(readPin({ variable: 'HSM_PIN' }, nothing), { message: 'is empty' })
  }
})

t.test('reads a file anew each time, without the line end', async (t) => {
  const file = path('changing')
  for (const [content, pin] of [
    [PIN, PIN],
    [`${PIN}\n`, PIN],
    [`${PIN}\r\n`, PIN],
    [`\uFEFF${PIN}\n\n`, PIN],
    ['{"username":"crypto-user","password":"pin-4711"}\n', PIN],
  ] as const) {
    writeFileSync(file, content)
    t.equal(await readPin({ file }), pin)
  }
})

t.test('fails on what is no PIN', async (t) => {
  writeFileSync(path('newline'), '\n')
  for (const file of [path('empty'), path('newline')]) {
    await t.rejects(readPin({ file }), { message: 'is empty' })
  }
  await t.rejects(readPin({ file: path('missing') }), { code: 'ENOENT' })
  writeFileSync(path('variables'), 'HSM_PIN=4711\n')
  await t.rejects(readPin({ file: path('variables') }), {
    message: /^begins with HSM_PIN=, .* leave the PIN alone$/,
  })
  execFileSync('mkfifo', [path('pipe')])
  for (const file of [path('pipe'), directory]) {
    await t.rejects(readPin({ file }), { message: 'cannot be read (it is not a file)' })
  }
})

t.test('a file that is no PIN by its size is not read into memory', async (t) => {
  const file = path('disk image')
  writeFileSync(file, '')
  truncateSync(file, 1_900_000_000)
  await t.rejects(readPin({ file }), { message: 'is larger than 16777216 bytes' })
})

t.test('a file that this user may not read is told with the user', async (t) => {
  const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
  t.equal(
    describeUnreadable(denied),
    `cannot be read (EACCES: user ${process.geteuid?.()} may not read it, or not enter a folder above it)`,
  )
})
