import type { Module, Session, Slot } from 'graphene-pk11'
import pkcs11js from 'pkcs11js'
import { findCertificate } from '../process/certificate-object.ts'
import { type PrivateKey, selectPrivateKey } from '../process/private-key.ts'
import { selectToken } from '../process/token.ts'
import { openUserSession } from '../process/user-session.ts'
import { TEST_DIGEST_INFO } from '../test-signature.ts'
import type { CheckRequest, CheckStep, Failure, Finding, Progress } from './check-messages.ts'
import { explain } from './failure.ts'
import type { TokenAccess } from './messages.ts'
import { openLibrary, openSession, takePin } from './session.ts'
import { describeLibrary } from './tokens.ts'

const MAX_SIGNATURE_LENGTH = 512

/**
 * Goes the whole way to signatures once, step by step, with each step told before and after it. It ends with the first
 * step that the next ones need and that failed.
 *
 * There is one `C_Login`, whatever else fails. Only the test sentence is signed.
 */
export function* checkToken(access: TokenAccess, request: CheckRequest): Generator<Progress> {
  const library = yield* attempt('library', () => load(access))
  if (library === undefined) return
  const slot = yield* attempt('token', () => find(library, access))
  if (slot === undefined) return
  yield* attempt('mechanism', () => lookAtMechanism(slot))
  const session = yield* attempt('login', () => logIn(slot, access))
  if (session === undefined) return
  const key = yield* attempt('key', () => findKey(session, request))
  yield* openSessions(slot, request.sessions)
  if (key === undefined) return
  const certified = yield* attempt('certificate', () => lookForCertificate(session, key, request))
  if (certified === undefined) return
  yield* sign(session, key, request.signatures)
}

type Found<T> = readonly [value: T, finding: Finding]

/** @returns what was found; undefined where that failed, as has been told then */
function* attempt<T>(step: CheckStep, act: () => Found<T>): Generator<Progress, T | undefined> {
  yield { type: 'begins', step }
  let found: Found<T>
  try {
    found = act()
  } catch (error) {
    yield { type: 'failed', step, failure: explain(error) }
    return undefined
  }
  const [value, finding] = found
  yield { type: 'found', finding }
  return value
}

function load(access: TokenAccess): Found<Module> {
  const library = openLibrary(access)
  return [library, { step: 'library', library: describeLibrary(library) }]
}

function find(library: Module, access: TokenAccess): Found<Slot> {
  const { slot, token } = selectToken(library, access.token)
  const { label, serialNumber: serial, manufacturerID: manufacturer, model } = token
  return [slot, { step: 'token', token: { label, serial, manufacturer, model } }]
}

function lookAtMechanism({ lib, handle }: Slot): Found<true> {
  const info = lib.C_GetMechanismInfo(handle, pkcs11js.CKM_RSA_PKCS)
  const sign = (info.flags & pkcs11js.CKF_SIGN) !== 0
  return [true, { step: 'mechanism', sign, minBits: info.minKeySize, maxBits: info.maxKeySize }]
}

function logIn(slot: Slot, access: TokenAccess): Found<Session> {
  return [openSession(slot, takePin(access)), { step: 'login' }]
}

function findKey(session: Session, { key, publicKey }: CheckRequest): Found<PrivateKey> {
  const found = selectPrivateKey(session, key, publicKey)
  // Its handle is of use here alone
  const { handle: _, ...told } = found
  return [found, { step: 'key', key: told }]
}

/** As many as the service opens, in addition to the one with the login, as the service does. */
function* openSessions(slot: Slot, count: number): Generator<Progress> {
  yield { type: 'begins', step: 'sessions' }
  const opened: number[] = []
  let failure: Failure | undefined
  while (opened.length < count && failure === undefined) {
    const began = performance.now()
    try {
      openUserSession(slot)
      opened.push(performance.now() - began)
    } catch (error) {
      failure = explain(error)
    }
    yield { type: 'alive' }
  }
  const finding = { step: 'sessions', opened, ...(failure === undefined ? {} : { failure }) } as const
  yield { type: 'found', finding }
}

function lookForCertificate(session: Session, key: PrivateKey, { publicKey }: CheckRequest): Found<true> {
  const found = publicKey === undefined ? { certificate: findCertificate(session, key) } : {}
  return [true, { step: 'certificate', ...found }]
}

function* sign(session: Session, key: PrivateKey, count: number): Generator<Progress> {
  yield { type: 'begins', step: 'signatures' }
  const signatures = []
  try {
    for (let number = 0; number < count; number++) {
      signatures.push(signOnce(session, key))
      yield { type: 'alive' }
    }
  } catch (error) {
    yield { type: 'failed', step: 'signatures', failure: explain(error) }
    return
  }
  yield { type: 'found', finding: { step: 'signatures', signatures } }
}

function signOnce({ lib, handle }: Session, key: PrivateKey) {
  const began = performance.now()
  lib.C_SignInit(handle, { mechanism: pkcs11js.CKM_RSA_PKCS }, key.handle)
  const initialized = performance.now()
  const signature = lib.C_Sign(handle, TEST_DIGEST_INFO, Buffer.alloc(MAX_SIGNATURE_LENGTH))
  const signed = performance.now()
  return { signature, initMs: initialized - began, signMs: signed - initialized }
}
