import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Configuration } from '../src/configuration/configuration.ts'
import { fitOpenFiles, maxOpenFiles } from '../src/open-files.ts'

const access = (token: string) => ({
  access: { module: '/module', token: { label: token }, pin: { file: '/pin' } },
})
const CONFIGURATION = {
  ...{ maxConnections: 384, hsm: { sessions: 8 }, warnings: ['before'] },
  signers: { signers: [access('one'), access('one')] },
} as unknown as Configuration

function fit(files: number, change: object = {}) {
  const { maxConnections, warnings } = fitOpenFiles({ ...CONFIGURATION, ...change } as Configuration, files)
  return [maxConnections, warnings.length]
}

t.test('connections are as many as the files leave', async (t) => {
  // Sessions, spare ones and the main thread of the signer process, twice as after a reload
  const others = 128 + 2 * (8 + 4 + 1)
  t.strictSame(fit(others + 384), [384, 1])
  t.strictSame(fit(others + 383), [383, 2])
  t.strictSame(fit(others + 400, { admin: {} }), [200, 2], 'on each of two ports')
  const two = { signers: { signers: [access('one'), access('two')] } }
  t.strictSame(fit(others + 26 + 100, two), [100, 2], 'beside two tokens')
  t.strictSame(fit(others), [16, 2], 'and some in any case')
  t.strictSame(fit(100), [16, 2])
  const { warnings } = fitOpenFiles(CONFIGURATION, 100)
  t.match(
    warnings[1],
    /may have 100 files open, and the 8 of HSM_SESSIONS take 13, so that nothing may ever be signed: raise/,
  )
  t.strictSame(fit(Number.POSITIVE_INFINITY), [384, 1])
})

t.test('the limit is that of the process, where the system tells', async (t) => {
  t.ok(Number.isInteger(maxOpenFiles()))
  const limits = join(t.testdir(), 'limits')
  t.equal(maxOpenFiles(limits), Number.POSITIVE_INFINITY)
  writeFileSync(limits, 'Max open files            unlimited            unlimited            files\n')
  t.equal(maxOpenFiles(limits), Number.POSITIVE_INFINITY)
})
