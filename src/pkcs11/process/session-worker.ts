/**
 * One session: a worker thread that signs synchronously, since `C_SignInit` blocks whichever thread calls it and
 * CloudHSM talks to the HSM there. It opens its own read-write session and finds its own key handle.
 *
 * It waits for its orders by a blocking read of its channel, whose end is its own. An answer goes out for every order; the
 * thread itself never throws.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import pkcs11js, { type Handle } from 'pkcs11js'
import {
  FIRST_CHANNEL,
  type FromLibrary,
  type KeyReferences,
  type SessionWorkerData,
  type SignOrder,
} from '../messages.ts'
import { describeFailure, KeyGoneError, type TokenFailure } from '../return-values.ts'
import { Channel } from './channel.ts'
import { encodeMechanism, MAX_SIGNATURE_LENGTH } from './mechanism.ts'
import { findSelectedKey } from './private-key.ts'
import {
  checkLoggedIn,
  closeUserSession,
  openUserSession,
  type TokenSession,
  type TokenSlot,
} from './user-session.ts'

const { order: first, module: path, slot: slotHandle } = workerData as SessionWorkerData
const { session: number } = first
let { keys } = workerData as SessionWorkerData
const channel = new Channel(FIRST_CHANNEL + number)
/** A signature stays in it until it is written to the channel. */
const output = Buffer.alloc(MAX_SIGNATURE_LENGTH)

let slot: TokenSlot | undefined
let session: TokenSession | undefined
/** Keyed by the place of the key. Some HSMs find keys slowly, so each is looked for when it is first needed. */
const handles = new Map<number, Handle>()

function open(key: number): void {
  slot ??= attachSlot()
  handles.clear()
  session = openUserSession(slot)
  findKey(key)
}

/** The main thread has loaded and initialized the library. It stays loaded for the life of this thread. */
function attachSlot(): TokenSlot {
  const lib = new pkcs11js.PKCS11()
  lib.load(path)
  return { lib, handle: Buffer.from(slotHandle) }
}

/** Reads what the main thread has found since: this thread waits for orders alone. */
function learnKeys(): KeyReferences {
  const port = parentPort as MessagePort
  for (let told = receiveMessageOnPort(port); told !== undefined; told = receiveMessageOnPort(port)) {
    keys = told.message
  }
  return keys
}

function findKey(key: number): Handle {
  const reference = learnKeys()[key]
  const search = () => reference && findSelectedKey(session as TokenSession, reference)
  let found = search()
  if (found === undefined) {
    // A token hides private keys from those who are not logged in
    checkLoggedIn(session as TokenSession)
    // The main thread may have logged in again since that search
    found = search()
  }
  if (found === undefined) {
    throw new KeyGoneError()
  }
  handles.set(key, found)
  return found
}

function close(): void {
  if (session !== undefined) {
    closeUserSession(session)
  }
  session = undefined
}

/** Signs once, and once more with a fresh key handle where the token says that the old one is stale. */
function sign(order: SignOrder): Uint8Array {
  try {
    return signWith(handles.get(order.key) ?? findKey(order.key), order)
  } catch (error) {
    if (describeFailure(error).recovery !== 'find-key') {
      throw error
    }
    return signWith(findKey(order.key), order)
  }
}

function signWith(key: Handle, { mechanism, data }: SignOrder): Uint8Array {
  const { lib, handle } = session as TokenSession
  lib.C_SignInit(handle, encodeMechanism(mechanism), key)
  return lib.C_Sign(handle, Buffer.from(data), output)
}

type Outcome =
  | { type: 'session-opened' }
  | { type: 'signed'; signature: Uint8Array }
  | { type: 'session-failed' | 'sign-failed'; failure: TokenFailure }

function answer(ticket: number, onFailure: 'session-failed' | 'sign-failed', act: () => Outcome): void {
  const began = performance.now()
  let outcome: Outcome
  try {
    outcome = act()
  } catch (error) {
    outcome = { type: onFailure, failure: describeFailure(error) }
  }
  const seconds = (performance.now() - began) / 1000
  channel.write({ session: number, ticket, seconds, ...outcome } satisfies FromLibrary)
}

function reopen(ticket: number, key: number): void {
  answer(ticket, 'session-failed', () => {
    close()
    open(key)
    return { type: 'session-opened' }
  })
}

reopen(first.ticket, first.key)
for (const order of channel.orders()) {
  if (order.type === 'sign') {
    answer(order.ticket, 'sign-failed', () => ({ type: 'signed', signature: sign(order) }))
  } else if (order.type === 'reopen') {
    reopen(order.ticket, order.key)
  } else {
    close()
  }
}
close()
