/**
 * The signer process: the only one that loads the PKCS#11 library and holds the PIN. Its main thread opens the token,
 * keeps the one login and starts the session workers, which the HTTP process then talks to by itself; it never signs.
 *
 * It lives as long as the HTTP process: when that goes, so does it, be it by the watchdog.
 */
import { Socket } from 'node:net'
import { constants, getPriority, setPriority } from 'node:os'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { backoffMs } from '../../common/backoff.ts'
import { encodeMessage, MAX_MAIN_LENGTH, readMessages } from '../frames.ts'
import {
  APART,
  type FromSignerProcess,
  isFound,
  type KeyOutcome,
  type KeyReferences,
  MAIN_CHANNEL,
  type OpenFailure,
  type ReopenOrder,
  type SessionWorkerData,
  type ToMainThread,
} from '../messages.ts'
import { describeFailure, type TokenFailure } from '../return-values.ts'
import { endAtOnce } from './end-at-once.ts'
import { OpenError } from './open-error.ts'
import { type Logins, type OpenToken, openToken } from './open-token.ts'
import { startWatchdog } from './start-watchdog.ts'

const WORKER = new URL(`./session-worker${extname(import.meta.filename)}`, import.meta.url)

/** Added to the niceness that this process was started with; threads have that of the thread that starts them. */
const NICENESS = 4

/** Once the HTTP process has gone, sessions have this long to end their calls and close. */
const CLOSE_MS = 5_000

const [parent, sessions, apart] = process.argv.slice(2)

let opened: OpenToken | undefined
/** Settles once the token is open, or cannot be opened; undefined while nobody opens it. */
let opening: Promise<void> | undefined
const closing = new AbortController()
/** Lets the login go on that waits to be allowed, or has it fail. */
let settleLogin: (refusal?: Error) => void = ignore
/** Until they have ended. */
const workers = new Set<Worker>()
/** Sessions that have not had a worker, which alone reads its channel. */
const unstarted = new Set(Array(Number(sessions)).keys())
/** Threads that could not be started since the last one that was. */
let failedThreads = 0
/** In ms of `performance.now()`. */
let noThreadUntil = 0
const main = new Socket({ fd: MAIN_CHANNEL })

/** Waits before a thread is started again after some could not be, in ms: Node.js keeps 40 kB of each try for ever. */
const NO_THREAD_WAITS = { first: 2_000, longest: 600_000 }
/** Told where a limit of processes and threads is reached, that of the user or of the container. */
const NO_THREAD: TokenFailure = { returnValue: 'EAGAIN', call: 'pthread_create', recovery: 'throttled' }

function ignore(): void {}

function tell(message: FromSignerProcess): void {
  main.write(encodeMessage(message))
}

async function open(request: Extract<ToMainThread, { type: 'open' }>): Promise<void> {
  try {
    checkConfigured(request.access)
    opened = await openToken(request, logins, closing.signal)
    tell({ type: 'opened', token: opened.token, keys: opened.keys })
  } catch (error) {
    tell({ type: 'open-failed', failure: describeOpenError(error) })
  }
}

/** The HTTP process allows each login, since another signer process may tell the same PIN to the same token. */
const logins: Logins = {
  async allow(told) {
    closing.signal.throwIfAborted()
    const allowed = new Promise<void>((resolve, reject) => {
      settleLogin = (refusal) => (refusal === undefined ? resolve() : reject(refusal))
    })
    tell({ type: 'login-wanted', told })
    await allowed
  },
  answered: (returnValue) => tell({ type: 'login-answered', returnValue }),
}

function describeOpenError(error: unknown): OpenFailure {
  if (error instanceof OpenError) {
    return error.failure
  }
  const { returnValue, call, recovery } = describeFailure(error)
  if (recovery === 'pin') {
    return { kind: 'pin', returnValue }
  }
  const message = `the token cannot be opened: ${call} ${returnValue}`
  return { kind: 'unavailable', message, reason: 'the token cannot be opened' }
}

function startSession(order: ReopenOrder): void {
  const { session, ticket } = order
  if (opened === undefined || closing.signal.aborted || !unstarted.delete(session)) {
    return
  }
  const { module, slot, keys } = opened
  if (performance.now() < noThreadUntil || !startWorker({ order, module, slot, keys: referencesOf(keys) })) {
    unstarted.add(session)
    tell({ type: 'session-failed', session, ticket, seconds: 0, failure: NO_THREAD })
  }
}

/** Returns whether there was a thread for it. */
function startWorker(workerData: SessionWorkerData): boolean {
  try {
    // Without a listener for its error, which ends the process: it may have left the native library locked. What it allocates
    // stays in the processor's caches, and a session takes 4 MB less, when V8 collects it soon
    const worker = new Worker(WORKER, { workerData, resourceLimits: { maxYoungGenerationSizeMb: 2 } })
    failedThreads = 0
    worker.once('exit', () => workers.delete(worker))
    workers.add(worker)
    return true
  } catch {
    failedThreads += 1
    noThreadUntil = performance.now() + backoffMs(failedThreads, NO_THREAD_WAITS)
    return false
  }
}

function referencesOf(keys: readonly KeyOutcome[]): KeyReferences {
  return keys.map((outcome) => (isFound(outcome) ? outcome : undefined))
}

async function logIn(): Promise<void> {
  try {
    await opened?.logIn()
    tell({ type: 'logged-in' })
  } catch (error) {
    tell({ type: 'log-in-failed', failure: describeFailure(error) })
  }
}

/** Only an open token is searched. */
function findKeys(places: readonly number[]): void {
  const token = opened as OpenToken
  try {
    token.findAgain(places)
  } catch {
    // Sessions meet what keeps the token from being searched, and say so; the next search comes
    return
  }
  for (const worker of workers) {
    worker.postMessage(referencesOf(token.keys))
  }
  tell({ type: 'keys-found', keys: token.keys })
}

/**
 * A token that is being opened is given up before its login. Once their channels have ended, sessions close as their calls
 * end; then the library: finalizing it under a call that hangs would crash.
 */
async function close(): Promise<void> {
  const reason = new Error('the signer process is closed')
  closing.abort(reason)
  settleLogin(reason)
  await opening
  await Promise.all([...workers].map((worker) => new Promise((resolve) => worker.once('exit', resolve))))
  try {
    opened?.close()
  } finally {
    process.exit(0)
  }
}

function receive(message: ToMainThread): void {
  switch (message.type) {
    case 'open':
      // Once at a time, and never again: to finalize the library under its sessions could crash it
      opening ??= opened === undefined ? open(message).finally(() => (opening = undefined)) : undefined
      return
    case 'log-in':
      return void logIn()
    case 'login-allowed':
      return settleLogin()
    case 'find-keys':
      return findKeys(message.keys)
    case 'start':
      return startSession(message.order)
    case 'close':
      return void close()
  }
}

// Where processors are short, requests, health checks and the sending of answers come before signatures of a software token.
// Whoever is not root may only go lower than where he began
setPriority(Math.min(getPriority() + NICENESS, constants.priority.PRIORITY_LOW))
// Before anything can hang
startWatchdog(Number(parent), CLOSE_MS)
process.on('uncaughtException', endAtOnce)
// Signals of a terminal reach the whole process group, but the HTTP process decides when this one ends
process.on('SIGHUP', ignore)
process.on('SIGINT', ignore)
process.on('SIGTERM', ignore)
// Nobody is left to tell when the HTTP process has gone
main.on('error', ignore)
main.on('close', () => {
  // Not by process.exit, which waits for threads that hang
  setTimeout(process.kill, CLOSE_MS, process.pid, 'SIGKILL')
  void close()
})
// Whoever sends the orders may have been broken into: what may be opened is read from the configuration here, too
const { checkConfigured } =
  apart === APART ? await import('./configured-tokens.ts') : { checkConfigured: ignore }
readMessages(main, receive, endAtOnce, MAX_MAIN_LENGTH)
