import { createServer } from 'node:net'
import t from 'tap'
import { MAIN } from '../support/command.ts'
import { startReadyServerProcess, startServerProcess } from '../support/server-process.ts'
import { signMany, until } from '../support/signing.ts'
import { createSigningToken } from '../support/token.ts'

const { environment, publicKey } = await createSigningToken(t.testdir())
const program = { module: MAIN, args: ['serve'], cwd: process.cwd() }

t.test('serves, until it is told to end', async (t) => {
  const { child, address, exited } = await startReadyServerProcess(t, environment, program)
  t.same(await signMany(address, publicKey, 4), { signed: 4 })
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
})

t.test('ends with the exit codes of the service', async (t) => {
  const misconfigured = startServerProcess(t, { ...environment, SIGNING_SERVICE_PORT: 'none' }, program)
  t.same(await misconfigured.exited, { code: 78, signal: null })
  t.match(misconfigured.output(), /"variable":"SIGNING_SERVICE_PORT"/)
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as { port: number }
  const hindered = startServerProcess(t, { ...environment, SIGNING_SERVICE_PORT: `${port}` }, program)
  t.same(await hindered.exited, { code: 1, signal: null })
  t.match(hindered.output(), /EADDRINUSE/)
})

t.test('takes the options on the token that check takes, before the environment', async (t) => {
  const { HSM_MODULE = '', HSM_PIN_FILE = '', ...rest } = environment
  const elsewhere = { ...rest, HSM_TOKEN_LABEL: 'none', HSM_TOKEN_SERIAL: '0', HSM_PIN: 'wrong' }
  const options = ['--module', HSM_MODULE, '--token-label', 'test', '--pin-file', HSM_PIN_FILE]
  const { child, address, exited } = await startReadyServerProcess(t, elsewhere, {
    ...program,
    args: ['serve', ...options],
  })
  t.same(await signMany(address, publicKey, 1), { signed: 1 })
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
})

/** SIGHUP when the command is loaded, which is before the service is. */
const HOOKS = `
export function resolve(specifier, context, next) {
  if (/\\/run[-.][^/]*js$/.test(specifier)) {
    process.kill(process.pid, 'SIGHUP')
  }
  return next(specifier, context)
}
`
const EARLY_HANG_UP = `
import { register } from 'node:module'
register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(HOOKS)}))
`

t.test('SIGHUP while the command is loaded waits until the service has started', async (t) => {
  const { child, output, exited } = startServerProcess(
    t,
    {
      ...environment,
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=data:text/javascript,${encodeURIComponent(EARLY_HANG_UP)}`,
    },
    program,
  )
  await until('it takes the signers over', () => output().includes('"trigger":"signal"'))
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
})

t.test('takes no arguments besides', async (t) => {
  const { exited, output } = startServerProcess(t, environment, { ...program, args: ['serve', 'port'] })
  t.same(await exited, { code: 2, signal: null })
  t.match(output(), /too many arguments/)
})
