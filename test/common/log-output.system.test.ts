/** A log is read to its end, however its process ends and however slow its reader is. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { extname } from 'node:path'
import type { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { until } from '../support/signing.ts'

const LOG_OUTPUT = new URL(`../../src/common/log-output${extname(import.meta.filename)}`, import.meta.url)

/** Runs a command whose stdout and stderr are a terminal; nobody reads the other end of it, which stays open. */
const RUN_ON_TERMINAL = `
import os, pty, sys
reader, terminal = pty.openpty()
os.set_inheritable(reader, True)
os.dup2(terminal, 1)
os.dup2(terminal, 2)
os.execv(sys.argv[1], sys.argv[1:])`

interface RunOptions {
  /** A file descriptor; by default a pipe. */
  readonly stdout?: 'pipe' | number
  /** Whether stdout and stderr are a terminal that nobody reads. */
  readonly isTerminal?: boolean
  readonly level?: string
  readonly limit?: number
}

/** Runs statements with a `logger` in a process of their own; it is killed with the test if it has not ended. */
function run(
  t: Test,
  statements: string,
  { stdout = 'pipe', isTerminal = false, level = 'info', limit }: RunOptions = {},
): ChildProcess {
  const code = `
    import { createLogger } from ${JSON.stringify(LOG_OUTPUT)}
    const logger = createLogger({ base: null, timestamp: false, level: '${level}' }, ${limit})
    ${statements}`
  const node = [process.execPath, '--input-type=module', '--eval', code]
  const [program = '', ...args] = isTerminal ? ['python3', '-c', RUN_ON_TERMINAL, ...node] : node
  const child = spawn(program, args, {
    stdio: ['ignore', stdout, 'ignore', 'ipc'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

async function readLines(child: ChildProcess): Promise<string[]> {
  const stdout = child.stdout as Readable
  let text = ''
  stdout.on('data', (chunk) => {
    text += chunk
  })
  await once(stdout, 'end')
  return text.split('\n').slice(0, -1)
}

const linesOf = (t: Test, statements: string) => readLines(run(t, statements))

const COUNT = 3_000
const expected = Array.from({ length: COUNT }, (_, count) => JSON.stringify({ level: 30, count }))
const LOG_MANY = `for (let count = 0; count < ${COUNT}; count++) logger.info({ count })`
/** More than a pipe takes. */
const LOG_MUCH = `for (let count = 0; count < 10_000; count++) logger.info({ count, text: "x".repeat(100) })`

t.test('lines are read while the process goes on', async (t) => {
  const { stdout } = run(t, 'logger.info("one"); setInterval(() => {}, 60_000)')
  const [chunk] = await once(stdout as Readable, 'data')
  t.equal(String(chunk), '{"level":30,"msg":"one"}\n')
})

t.test('every line is read, in its order, when the process', async (t) => {
  const end = 'process.disconnect()'
  t.same(await linesOf(t, `${LOG_MANY}; ${end}`), expected, 'has nothing to do any more')
  t.same(await linesOf(t, `${LOG_MANY}; process.exit(1)`), expected, 'exits')
  t.same(
    await linesOf(t, `${LOG_MANY}; setImmediate(() => { throw new Error('wanted') })`),
    expected,
    'fails',
  )
  const later = `${LOG_MANY}; setTimeout(() => { logger.info({ count: ${COUNT} }); process.exit(0) }, 100)`
  t.same(await linesOf(t, later), [...expected, `{"level":30,"count":${COUNT}}`], 'exits a moment later')
})

t.test('every line is read by a reader that begins when the process is about to end', async (t) => {
  const child = run(t, `${LOG_MUCH}; process.send("here"); process.exit(0)`)
  await once(child, 'message')
  const lines = (await readLines(child)).map((line) => JSON.parse(line).count)
  t.same(
    lines,
    Array.from({ length: 10_000 }, (_, count) => count),
  )
})

t.test('a fatal line is read though the process is killed right after it', async (t) => {
  const lines = await linesOf(t, `${LOG_MANY}; logger.fatal('last'); process.kill(process.pid, 'SIGKILL')`)
  t.ok(lines.includes('{"level":60,"msg":"last"}'))
})

t.test(
  'while nobody reads, the process goes on, drops lines beyond its limit, and says how many',
  async (t) => {
    const limit = 1_000_000
    const flood = `
    let sent = 0
    const flooding = setInterval(() => {
      for (let count = 0; count < 1000; count++) logger.error({ count: sent++, text: "x".repeat(100) })
      if (sent === 20_000) {
        clearInterval(flooding)
        logger.fatal({ count: sent }, 'kept')
        process.send("here")
      }
    }, 1)
    process.on('message', () => { logger.error({ count: -1 }, 'last'); process.exit(0) })`
    const child = run(t, flood, { level: 'error', limit })
    await once(child, 'message')
    let text = ''
    child.stdout?.on('data', (chunk) => {
      text += chunk
    })
    const ended = once(child.stdout as Readable, 'end')
    await until('the gap is told', () => text.includes('"dropped"'))
    child.send('go on')
    await ended
    const lines = text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
    const gaps = lines.filter(({ dropped }) => dropped !== undefined)
    t.equal(gaps.length, 1)
    t.match(gaps[0], { level: 40, msg: /dropped/ })
    const kept = lines.filter(({ level, count }) => level === 50 && count >= 0)
    t.same(
      kept.map(({ count }) => count),
      Array.from({ length: kept.length }, (_, count) => count),
      'the first ones are there, in their order',
    )
    t.equal(kept.length + gaps[0].dropped, 20_000)
    t.ok(kept.length * 120 < limit + 200_000, 'no more than the limit and what the pipe holds')
    t.ok(
      lines.some(({ level }) => level === 60),
      'a fatal line is not dropped',
    )
    t.equal(lines.at(-1).msg, 'last')
  },
)

t.test('a process ends though', async (t) => {
  t.test('nobody reads its log', async (t) => {
    const child = run(t, `${LOG_MUCH}; process.exit(7)`)
    t.same(await once(child, 'exit'), [7, null])
  })
  t.test('nobody reads its terminal, which does not keep it from its work', async (t) => {
    const child = run(
      t,
      `for (let count = 0; count < 10; count++) process.stderr.write("x".repeat(10_000))
      ${LOG_MUCH}; process.send("here"); process.on('message', () => process.exit(7))`,
      { isTerminal: true },
    )
    await once(child, 'message')
    child.send('go on')
    t.same(await once(child, 'exit'), [7, null])
  })
  t.test('its reader has gone', async (t) => {
    const child = run(t, `process.on('message', () => { ${LOG_MUCH}; process.exit(7) })`)
    child.stdout?.destroy()
    child.send('go on')
    t.same(await once(child, 'exit'), [7, null])
  })
  t.test('the disk is full', async (t) => {
    const child = run(t, `${LOG_MUCH}; process.exit(7)`, { stdout: openSync('/dev/full', 'w') })
    t.same(await once(child, 'exit'), [7, null])
  })
})
