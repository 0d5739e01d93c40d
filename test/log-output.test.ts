/** What reads the log of a process, however that ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import t, { type Test } from 'tap'

const LOG_OUTPUT = new URL(`../src/log-output${extname(import.meta.filename)}`, import.meta.url)

/** Runs statements with a `logger` in a process of their own; it is killed with the test if it has not ended. */
function run(t: Test, statements: string) {
  const code = `
    import { pino } from 'pino'
    import { logOutput } from ${JSON.stringify(LOG_OUTPUT)}
    const logger = pino({ base: null, timestamp: false }, logOutput())
    ${statements}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

async function linesOf(t: Test, statements: string): Promise<string[]> {
  const { stdout } = run(t, statements)
  let text = ''
  stdout.on('data', (chunk) => {
    text += chunk
  })
  await once(stdout, 'end')
  return text.split('\n').slice(0, -1)
}

const COUNT = 3_000
const expected = Array.from({ length: COUNT }, (_, count) => JSON.stringify({ level: 30, count }))
const LOG_MANY = `for (let count = 0; count < ${COUNT}; count++) logger.info({ count })`

t.test('lines are read while the process goes on', async (t) => {
  const { stdout } = run(t, 'logger.info("one"); setInterval(() => {}, 60_000)')
  const [chunk] = await once(stdout, 'data')
  t.equal(String(chunk), '{"level":30,"msg":"one"}\n')
})

t.test('every line is read, in its order, when the process', async (t) => {
  t.same(await linesOf(t, LOG_MANY), expected, 'has nothing to do any more')
  t.same(await linesOf(t, `${LOG_MANY}; process.exit(1)`), expected, 'exits')
  t.same(await linesOf(t, `${LOG_MANY}; throw new Error('a bug')`), expected, 'meets an error')
  const later = `${LOG_MANY}; setTimeout(() => { logger.info({ count: ${COUNT} }); process.exit(0) }, 100)`
  t.same(await linesOf(t, later), [...expected, `{"level":30,"count":${COUNT}}`], 'exits a moment later')
})

t.test('a fatal line is read though the process is killed right after it', async (t) => {
  const lines = await linesOf(t, `${LOG_MANY}; logger.fatal('last'); process.kill(process.pid, 'SIGKILL')`)
  t.ok(lines.includes('{"level":60,"msg":"last"}'))
})
