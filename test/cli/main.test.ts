/** The command as a process, whose output goes where nobody reads it. */
import { type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { MAIN } from '../support/command.ts'

function start(args: readonly string[], stdout: 'pipe' | number = 'pipe', variables = {}) {
  const env = { ...process.env, HSM_MODULE: '', ...variables }
  const options: SpawnOptions = { stdio: ['ignore', stdout, 'pipe'], env }
  const child = spawn(process.execPath, [MAIN, ...args], options)
  return { ...(child as { stdout: Readable; stderr: Readable }), exited: once(child, 'exit') }
}

t.test('a reader that has left is no error', async (t) => {
  const { stdout, stderr, exited } = start(['--help'])
  stdout.destroy()
  t.equal(await text(stderr), '')
  t.same(await exited, [0, null])
})

t.test('nor does it hide one', async (t) => {
  const { stdout, stderr, exited } = start(['check'])
  stdout.destroy()
  t.equal(await text(stderr), 'Not all is well: configuration\n')
  t.same(await exited, [78, null])
})

t.test('messages that nobody reads change nothing', async (t) => {
  const { stderr, exited } = start(['none'])
  stderr.destroy()
  t.same(await exited, [2, null])
})

t.test('results that cannot be written are a failure', { skip: process.platform !== 'linux' }, async (t) => {
  const full = openSync('/dev/full', 'w')
  const { stderr, exited } = start(['--help'], full)
  t.match(await text(stderr), /^the results cannot be written: ENOSPC/)
  t.same(await exited, [1, null])
  const failed = start(['check'], full)
  t.equal(await text(failed.stderr), 'Not all is well: configuration\n')
  t.same(await failed.exited, [78, null])
})

t.test('a user whose token nobody can have seen is not added', async (t) => {
  const ACCESS_FILE = join(t.testdir(), 'access.json')
  const add = ['user', 'add', 'alice']
  const { stdout, stderr, exited } = start(add, 'pipe', { ACCESS_FILE })
  stdout.destroy()
  t.match(await text(stderr), /^the token cannot be printed, and the user was not added: write EPIPE\n$/)
  t.same(await exited, [1, null])
  if (process.platform === 'linux') {
    const failed = start(add, openSync('/dev/full', 'w'), { ACCESS_FILE })
    t.match(await text(failed.stderr), /^the token cannot be printed, and the user was not added: ENOSPC/)
    t.same(await failed.exited, [1, null])
  }
  t.same(readdirSync(t.testdirName), [], 'no file is left either')
})
