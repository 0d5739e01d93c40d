import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readPin } from '../../src/configuration/read-pin.ts'

const PIN = 'crypto-user:pin-4711'
const directory = t.testdir({ empty: '' })
const path = (name: string) => join(directory, name)

t.test('takes the PIN out of the environment that it reads, and leaves the rest', async (t) => {
  const environment: Record<string, string> = { HSM_PIN: PIN, HSM_MODULE: 'module.so' }
  t.equal(readPin({ variable: 'HSM_PIN' }, environment), PIN)
  t.strictSame(environment, { HSM_MODULE: 'module.so' })
  t.throws(() => readPin({ variable: 'HSM_PIN' }, environment), /^is empty$/)
})

t.test('takes it out of the real environment, which children inherit', async (t) => {
  process.env.HSM_PIN = PIN
  t.equal(readPin({ variable: 'HSM_PIN' }, process.env), PIN)
  t.notOk('HSM_PIN' in process.env)
})

t.test('reads a file anew each time, without the line end', async (t) => {
  const file = path('changing')
  for (const [content, pin] of [
    [PIN, PIN],
    [`${PIN}\n`, PIN],
    [`${PIN}\r\n`, PIN],
    [`\uFEFF${PIN}\n\n`, PIN],
  ] as const) {
    writeFileSync(file, content)
    t.equal(readPin({ file }, {}), pin)
  }
})

t.test('fails on what is no PIN', async (t) => {
  writeFileSync(path('newline'), '\n')
  for (const file of [path('empty'), path('newline')]) {
    t.throws(() => readPin({ file }, {}), /^is empty$/)
  }
  t.throws(() => readPin({ file: path('missing') }, {}), { code: 'ENOENT' })
  t.throws(() => readPin({ variable: 'HSM_PIN' }, { HSM_PIN: '' }), /^is empty$/)
})
