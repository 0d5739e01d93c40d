import { createPublicKey, type X509Certificate } from 'node:crypto'
import type { Module, Slot } from 'graphene-pk11'
import { findHashAlgorithm, type HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import { chooseSignatureAlgorithm } from '../../algorithms/signature-algorithms.ts'
import { defined } from '../../common/defined.ts'
import { findUnsupportedKey } from '../../x509/key-type.ts'
import { readCertificate } from '../../x509/read-certificate.ts'
import { bestFirst } from '../../x509/review/signer-candidates.ts'
import type { FoundKey, KeyRequest } from '../messages.ts'
import { identifyToken, type ToldPin, wasTold } from '../pin-version.ts'
import { findOwnCertificates } from '../process/certificate-object.ts'
import { findPin } from '../process/find-pin.ts'
import { readKeyType } from '../process/key-attributes.ts'
import { refuseSeparateInitializations } from '../process/library.ts'
import { checkAllowed, describeMechanism, signMechanism } from '../process/mechanism.ts'
import { type PrivateKey, selectPrivateKey } from '../process/private-key.ts'
import { selectToken } from '../process/token.ts'
import { logInUser, openUserSession, type TokenSession } from '../process/user-session.ts'
import { createTestInput, type KeyUse, type SigningInput } from '../signing-input.ts'
import { explain, type Failure, RefusedError } from './failure.ts'
import { type AdministrationAccess, openLibrary } from './session.ts'
import { signOnce } from './sign-once.ts'

export interface CheckRequest {
  readonly key: KeyRequest
  /** DER SubjectPublicKeyInfo as it stands in the certificate; absent where that is to be found on the token. */
  readonly certifiedKey?: Uint8Array
  /** DER of the issuers by which one of several certificates on the token is chosen. */
  readonly caCertificates: readonly Uint8Array[]
  /** Names of those that signatures are made with, in turn. */
  readonly hashes: readonly HashAlgorithm['name'][]
  /** How many sessions are opened. */
  readonly sessions: number
  /** How many test signatures are made. */
  readonly signatures: number
  /** PINs that tokens have refused, none of which is told again. */
  readonly refusedPins: readonly ToldPin[]
}

/** Steps of a check, in their order. */
export type CheckStep =
  | 'library'
  | 'token'
  | 'login'
  | 'key'
  | 'mechanism'
  | 'sessions'
  | 'certificate'
  | 'signatures'

/** Findings of a step. */
export type Finding =
  | { readonly step: 'library' | 'token' | 'login' | 'mechanism'; readonly text: string }
  | { readonly step: 'key'; readonly key: FoundKey }
  /** Time that each took to open, in ms. */
  | { readonly step: 'sessions'; readonly openMs: readonly number[] }
  /** DER of all of the key, where it is on the token. */
  | { readonly step: 'certificate'; readonly certificates?: readonly Uint8Array[] }
  | { readonly step: 'signatures'; readonly signatures: readonly TimedSignature[] }

export interface TimedSignature {
  readonly hash: HashAlgorithm['name']
  readonly signature: Uint8Array
  /** Milliseconds that `C_SignInit` took. */
  readonly initMs: number
  /** Milliseconds that `C_Sign` took. */
  readonly signMs: number
}

/**
 * Tells that a step goes on, or what it has found, or why it failed. It is also the sign of life that a library has come
 * back from a call; told as often as that may take long.
 */
export interface Progress {
  readonly step: CheckStep
  readonly finding?: Finding
  readonly failure?: Failure
  /** The PIN that the token is told next. */
  readonly told?: ToldPin
}

/**
 * Goes the whole way to signatures once, step by step, with each step told before and after it. It ends with the first
 * step that the next ones need and that failed.
 *
 * There is one `C_Login`, whatever else fails. Only the test sentence is signed.
 */
export async function* checkToken(
  access: AdministrationAccess,
  request: CheckRequest,
): AsyncGenerator<Progress> {
  const library = yield* attempt('library', () => load(access))
  if (library === undefined) return
  const slot = yield* attempt('token', () => find(library, access))
  if (slot === undefined) return
  const login = yield* attempt('login', () => findLogin(slot, access, request))
  if (login === undefined) return
  yield { step: 'login', told: login.told }
  const session = yield* attempt('login', () => logIn(slot, login.pin))
  if (session === undefined) return
  const key = yield* attempt('key', () => findKey(session, request))
  if (key !== undefined) {
    yield* attempt('mechanism', () => lookAtMechanism(session, key, request))
  }
  yield* openSessions(slot, request.sessions)
  if (key === undefined) return
  const use = yield* attempt('certificate', () => lookForCertificate(session, key, request))
  if (use === undefined) return
  yield* sign(session, key, use, request)
}

type Found<T> = readonly [value: T, finding?: Finding]

/** @returns what was found; undefined where that failed, as has been told then */
async function* attempt<T>(
  step: CheckStep,
  act: () => Found<T> | Promise<Found<T>>,
): AsyncGenerator<Progress, T | undefined> {
  yield { step }
  let found: Found<T>
  try {
    found = await act()
  } catch (error) {
    yield { step, failure: explain(error) }
    return undefined
  }
  const [value, finding] = found
  yield { step, ...defined({ finding }) }
  return value
}

function load(access: AdministrationAccess): Found<Module> {
  const library = openLibrary(access)
  refuseSeparateInitializations(access.module)
  const { libraryDescription, manufacturerID, libraryVersion: version, cryptokiVersion: cryptoki } = library
  const versions = `version ${version.major}.${version.minor}, PKCS#11 ${cryptoki.major}.${cryptoki.minor}`
  return [library, { step: 'library', text: `${libraryDescription} by ${manufacturerID}, ${versions}` }]
}

function find(library: Module, access: AdministrationAccess): Found<Slot> {
  const { slot, token } = selectToken(library, access.token)
  const { label, serialNumber, manufacturerID, model } = token
  const text = `label ${label}, serial ${serialNumber}, ${model} by ${manufacturerID}`
  return [slot, { step: 'token', text }]
}

interface Login {
  readonly pin: string
  readonly told: ToldPin
}

/** Reads the PIN, and refuses one that the token has refused, whatever the token was named by then. */
async function findLogin(
  slot: Slot,
  { module, pin: source, givenPin }: AdministrationAccess,
  { refusedPins }: CheckRequest,
): Promise<Found<Login>> {
  const { pin, version } = await findPin(source, givenPin)
  const told = { token: identifyToken(module, slot.getToken()), version }
  if (wasTold(told, refusedPins)) {
    throw new RefusedError('a login with this PIN has failed at this token, and is not tried again')
  }
  return [{ pin, told }]
}

function logIn(slot: Slot, pin: string): Found<TokenSession> {
  const session = openUserSession(slot)
  logInUser(session, pin)
  return [session, { step: 'login', text: 'the token took the PIN' }]
}

function findKey(session: TokenSession, { key }: CheckRequest): Found<PrivateKey> {
  const found = selectPrivateKey(session, key)
  // Its handle is of use here alone
  const { handle: _, ...told } = found
  return [found, { step: 'key', key: told }]
}

/** Looks at the mechanism that the key signs with. */
function lookAtMechanism(session: TokenSession, found: PrivateKey, { key }: CheckRequest): Found<true> {
  const name = signMechanism(readKeyType(session, found.handle), key.algorithm)
  checkAllowed(session, found, name)
  const { sign, minBits, maxBits } = describeMechanism(session.slot, name)
  if (!sign) {
    throw new RefusedError(`${name} is there, but not for signatures`)
  }
  return [true, { step: 'mechanism', text: `${name} signs with keys of ${minBits} to ${maxBits} bits` }]
}

/** Opens as many sessions as the service would, besides the one with the login. */
function* openSessions(slot: Slot, count: number): Generator<Progress> {
  const step = 'sessions'
  yield { step }
  const openMs: number[] = []
  while (openMs.length < count) {
    const began = performance.now()
    try {
      openUserSession(slot)
    } catch (error) {
      const { message } = explain(error)
      yield { step, failure: { message: `${openMs.length} of ${count} opened, then ${message}` } }
      return
    }
    openMs.push(performance.now() - began)
    yield { step }
  }
  yield { step, finding: { step, openMs } }
}

/** @returns what the key is used with: as the certificate has it, which may be on the token */
function lookForCertificate(session: TokenSession, key: PrivateKey, request: CheckRequest): Found<KeyUse> {
  const { certificateOnToken, algorithm: name } = request.key
  const certificates = certificateOnToken ? findOwnCertificates(session, key) : undefined
  const certified =
    certificates === undefined
      ? createPublicKey({ key: Buffer.from(request.certifiedKey as Uint8Array), type: 'spki', format: 'der' })
      : chooseCertificate(certificates, request.caCertificates).publicKey
  const algorithm = chooseSignatureAlgorithm(certified, name)
  return [
    { publicKey: certified, algorithm },
    { step: 'certificate', ...defined({ certificates }) },
  ]
}

/** @param certificates DER, at least one */
function chooseCertificate(certificates: readonly Uint8Array[], caCertificates: readonly Uint8Array[]) {
  const [best] = bestFirst(certificates.map(readCertificate), caCertificates.map(readCertificate))
  return best as X509Certificate
}

function* sign(
  session: TokenSession,
  key: PrivateKey,
  use: KeyUse,
  { hashes: asked, signatures: count }: CheckRequest,
): Generator<Progress> {
  const hashes = asked.filter((name) => use.algorithm.hashes.some((hash) => hash.name === name))
  // The certificate allows none of them, or has a key of another kind, which the one who asked says of it
  if (hashes.length === 0 || findUnsupportedKey(use.publicKey) !== undefined) return
  const step = 'signatures'
  yield { step }
  const inputs = hashes.map((hash) => createTestInput(0, use, findHashAlgorithm(hash)))
  const signatures: TimedSignature[] = []
  try {
    for (let number = 0; number < count; number++) {
      const place = number % hashes.length
      const hash = hashes[place] as HashAlgorithm['name']
      signatures.push({ hash, ...signOnce(session, key.handle, inputs[place] as SigningInput) })
      yield { step }
    }
  } catch (error) {
    yield { step, failure: explain(error) }
    return
  }
  yield { step, finding: { step, signatures } }
}
