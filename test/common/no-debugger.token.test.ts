/** SIGUSR1, at which Node.js listens for debuggers, has none of our processes do so. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { extname } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import t from 'tap'
import { MAIN } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { send } from '../support/http.ts'
import { childrenOf } from '../support/process-figures.ts'
import { startServerProcess } from '../support/server-process.ts'
import { waitUntilReady } from '../support/service.ts'
import { outcome, rawRequest, until } from '../support/signing.ts'
import { createSigningToken } from '../support/token.ts'

const NO_DEBUGGER = new URL(`../../src/common/no-debugger${extname(import.meta.filename)}`, import.meta.url)
/** Bit of SIGUSR1 in masks of signals (proc(5)). */
const SIGUSR1_BIT = 1n << 9n
/** The state TCP_LISTEN in /proc/net/tcp. */
const LISTENING = '0A'

const directory = t.testdir()
const { environment, publicKey } = await createSigningToken(directory)
const faulty = await createFaultyModule(directory, environment)

/** Whether the process would not just end at the signal: Node.js itself catches it a moment after its start. */
function catchesSignal(pid: number): boolean {
  const [, mask = '0'] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return (BigInt(`0x${mask}`) & SIGUSR1_BIT) !== 0n
}

/** Sends the signal again and again, from the moment on at which it does not end the process. */
function sendSignals({ pid = 0 }: ChildProcess): () => number {
  let sent = 0
  const timer = setInterval(() => {
    if (catchesSignal(pid)) {
      process.kill(pid, 'SIGUSR1')
      sent += 1
    }
  }, 1)
  return () => {
    clearInterval(timer)
    return sent
  }
}

/** Ports that a process listens on. */
function listeningPorts(pid: number): number[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`)
      } catch {
        return ''
      }
    }),
  )
  return ['tcp', 'tcp6']
    .flatMap((file) => readFileSync(`/proc/${pid}/net/${file}`, 'utf8').trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === LISTENING && sockets.has(`socket:[${inode}]`))
    .map(([, address = '']) => Number.parseInt(address.split(':')[1] ?? '', 16))
}

const linux = {
  skip: process.platform !== 'linux' && 'only Linux shows what processes catch, and where they listen',
}

t.test('the service and its signer process, from their first line on', linux, async (t) => {
  const { child, url, output } = startServerProcess(t, environment)
  const stop = sendSignals(child)
  const address = await url
  await waitUntilReady(address)
  t.ok(stop() > 0, 'signals came while it was loaded')
  const pids = [child.pid ?? 0, ...childrenOf(child.pid ?? 0)]
  t.equal(pids.length, 2)
  for (const pid of pids) {
    t.ok(catchesSignal(pid))
    process.kill(pid, 'SIGUSR1')
  }
  const answer = await send(`${address}/sign`, { method: 'POST', body: JSON.stringify(rawRequest('text')) })
  t.equal(outcome(answer, 'text', publicKey), 'signed', 'it goes on')
  await until('only the service listens', async () =>
    pids.every((pid, index) => listeningPorts(pid).join() === (index === 0 ? new URL(address).port : '')),
  )
  t.notMatch(output().slice(output().indexOf('listening at')), 'Debugger listening')
})

t.test('the command, and the process that works on the token for it', linux, async (t) => {
  faulty.plan('C_GetSlotList hold')
  const child = spawn(process.execPath, [MAIN, 'tokens', '--json'], {
    env: { ...process.env, ...faulty.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const results = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  await until('the library is called', async () => faulty.calls('C_GetSlotList') > 0)
  const pids = [child.pid ?? 0, ...childrenOf(child.pid ?? 0)]
  t.equal(pids.length, 2)
  for (const pid of pids) {
    process.kill(pid, 'SIGUSR1')
  }
  faulty.plan()
  const [stdout, stderr, exit] = await results
  t.same(exit, [0, null], 'it comes to its end')
  t.equal(stderr, '')
  t.ok(JSON.parse(stdout))
})

t.test('a debugger that a signal opened before is closed, one that a flag asks for is not', async (t) => {
  const program = `
    import inspector from 'node:inspector'
    if (inspector.url() === undefined) inspector.open(0)
    await import('${NO_DEBUGGER}')
    console.log(inspector.url() === undefined ? 'closed' : 'open')
    inspector.close()
  `
  const run = async (flags: string[], variables: Record<string, string> = {}) => {
    const args = [...flags, '--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, ...variables },
    })
    return stdout.trim()
  }
  t.equal(await run([]), 'closed')
  t.equal(await run(['--inspect-port=0']), 'closed')
  t.equal(await run(['--inspect=0']), 'open')
  t.equal(await run([], { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --inspect=127.0.0.1:0` }), 'open')
})
