/** A process that stands for a PKCS#11 library prints what a test wants, and the service passes it on. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { describeEnd } from '../../src/pkcs11/child-process.ts'

const CHILD_PROCESS = new URL(
  `../../src/pkcs11/child-process${extname(import.meta.filename)}`,
  import.meta.url,
)
const MAIN = pathToFileURL(join(t.testdirName, 'main.mjs'))
const directory = t.testdir({
  // Stands for a process with a library: it ends when its shell does
  'main.mjs': `
    import { spawn } from 'node:child_process'
    spawn('sh', ['-c', process.env.COMMAND], { stdio: 'inherit' }).once('exit', () => process.disconnect())`,
  'parent.mjs': `
    import { startChild } from ${JSON.stringify(CHILD_PROCESS)}
    const child = startChild(${JSON.stringify(MAIN)})
    child.once('close', () => process.send('ended', () => { process.exitCode = 7; process.disconnect() }))`,
})
/** More than pipes take, line by line. */
const FLOOD = 'yes 0123456789012345678901234567890123456789 | head -n 100000'

/**
 * Runs a process that has a shell as its child, and passes on what that prints. It sends `ended` when the child has ended,
 * and all that it printed has been passed on; then it exits with code 7.
 *
 * @param command of the shell
 */
function run(t: Test, command: string): ChildProcess {
  const parent = spawn(process.execPath, [join(directory, 'parent.mjs')], {
    env: { ...process.env, COMMAND: command },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  t.teardown(() => parent.kill('SIGKILL'))
  return parent
}

async function outputOf(t: Test, command: string) {
  const parent = run(t, command)
  const [stdout, stderr] = await Promise.all([
    text(parent.stdout as Readable),
    text(parent.stderr as Readable),
  ])
  return { stdout, lines: stderr.split('\n').slice(0, -1) }
}

t.test('each line goes to stderr with a mark', async (t) => {
  const { stdout, lines } = await outputOf(t, 'echo one; printf "two\\n\\nthree"; echo four >&2')
  t.equal(stdout, '')
  t.same(lines.sort(), ['PKCS#11: ', 'PKCS#11: four', 'PKCS#11: one', 'PKCS#11: three', 'PKCS#11: two'])
})

t.test('the process has the environment without secrets', async (t) => {
  const secrets = {
    ...{ HSM_PIN: 'guarded 1', TSA_PASSWORD: 'guarded 2', CHECK_TOKEN: 'guarded 3' },
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=guarded 4',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'authorization=guarded 5',
  }
  const variables = { ...secrets, OTEL_SERVICE_NAME: 'not guarded' }
  Object.assign(process.env, variables)
  t.teardown(() => {
    for (const name of Object.keys(variables)) {
      delete process.env[name]
    }
  })
  const { lines } = await outputOf(t, 'env')
  t.same(
    lines.filter((line) => line.includes('guarded')),
    ['PKCS#11: OTEL_SERVICE_NAME=not guarded'],
  )
})

t.test('what has no end of a line is not waited for without a limit', async (t) => {
  const piece = 'head -c 30000 /dev/zero | tr "\\0" x; sleep 0.1'
  const { lines } = await outputOf(t, Array(10).fill(piece).join('; '))
  t.ok(lines.length > 1, `${lines.length} lines`)
  t.ok(lines.every((line) => /^PKCS#11: x+$/.test(line) && line.length < 200_000))
})

t.test('a library that prints much does not wait for a reader that is slow', async (t) => {
  const parent = run(t, FLOOD)
  const exited = once(parent, 'exit')
  await once(parent, 'message')
  const [stderr, [exitCode]] = await Promise.all([text(parent.stderr as Readable), exited])
  const lines = stderr.split('\n').slice(0, -1)
  t.ok(lines.length > 100 && lines.length < 100_000, `${lines.length} lines were kept`)
  t.ok(lines.every((line) => /^PKCS#11: [0-9]{40}$/.test(line)))
  t.equal(exitCode, 7)
})

t.test('a reader that has left is no reason to end', async (t) => {
  const parent = run(t, FLOOD)
  parent.stderr?.destroy()
  const [[message], [exitCode]] = await Promise.all([once(parent, 'message'), once(parent, 'exit')])
  t.same([message, exitCode], ['ended', 7])
})

t.test('a daemon that a library has started is not waited for', async (t) => {
  const { lines } = await outputOf(t, 'sleep 600 & echo $!')
  const [, pid] = /^PKCS#11: (\d+)$/.exec(`${lines}`) ?? []
  t.ok(process.kill(Number(pid)), 'it is still there')
})

t.test('the end of a process in a working directory that was removed says so', async (t) => {
  const before = process.cwd()
  const removed = mkdtempSync(join(directory, 'removed-'))
  t.equal(describeEnd(1, null), 'exit code 1')
  t.equal(describeEnd(null, 'SIGKILL'), 'signal SIGKILL')
  process.chdir(removed)
  try {
    rmSync(removed, { recursive: true })
    t.match(describeEnd(1, null), /^exit code 1; the working directory was removed: start the service in /)
  } finally {
    process.chdir(before)
  }
})
