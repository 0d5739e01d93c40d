/** Opens the token as the service does, for a command that signs. */
import { createPublicKey } from 'node:crypto'
import { type BaseLogger, pino } from 'pino'
import { digest, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { chooseSignatureAlgorithm } from '../algorithms/signature-algorithms.ts'
import { defined } from '../common/defined.ts'
import { ConfigurationError } from '../errors.ts'
import type { FoundKey } from '../pkcs11/messages.ts'
import type { PoolObserver } from '../pkcs11/pool/pool-options.ts'
import { type PoolStatus, SessionPool } from '../pkcs11/pool/session-pool.ts'
import { createSigningInput, type KeyUse } from '../pkcs11/signing-input.ts'
import { findUnsupportedKey, SUPPORTED_KEYS } from '../x509/key-type.ts'
import { loadForCertification } from './configuration.ts'
import { CommandFailed, type Io } from './io.ts'
import type { CertifyingKey } from './issuing/issuing.ts'
import type { KeyOptions } from './options.ts'
import { waitUntil } from './wait-until.ts'

/** Opens and closes the token of a key. */
interface Opener {
  start(): void
  status(): PoolStatus
  close(limitMs: number): Promise<void>
}

interface Events {
  readonly log: BaseLogger
  readonly observer: PoolObserver
  readonly onMisconfigured: (error: ConfigurationError) => void
}

/** Counts nothing, since a command reports one problem and ends. */
const NO_OBSERVER: PoolObserver = {
  waited: ignore,
  called: ignore,
  retried: ignore,
  evicted: ignore,
  loggedIn: ignore,
  restarted: ignore,
  selfCheckFailed: ignore,
}

/**
 * Lends a key on the token that has no certificate, and that signs one, or a request for it. Each signature is verified
 * with the public half of the key.
 *
 * @param hash hash algorithm of the signatures
 */
export async function withTokenKey<T>(
  io: Io,
  options: KeyOptions,
  hash: HashAlgorithm,
  use: (key: CertifyingKey) => Promise<T>,
): Promise<T> {
  const { configuration, signer, givenPin } = await loadForCertification(io, options)
  const { hsm } = configuration
  const { access, key: selector, settings } = signer
  let keyUse: KeyUse | undefined
  const key = {
    request: { selector, certificateOnToken: false },
    settings,
    accept: (found: FoundKey) => {
      keyUse = readKeyUse(found, settings.key)
      return keyUse
    },
  }
  const open = (events: Events) =>
    new SessionPool({ hsm, access, keys: [key], ...defined({ givenPin }), ...events })
  const limits = { openMs: options.timeout * 1000, closeMs: hsm.timeoutMs }
  return withKey(open, limits, (pool) => {
    const certified = keyUse as KeyUse
    const deadline = performance.now() + hsm.timeoutMs
    const sign = async (message: Uint8Array) => {
      const input = createSigningInput(0, certified, hash, { digest: digest(hash, message), message })
      return certified.algorithm.encode(await pool.sign(input, { deadline }))
    }
    return use({ ...certified, hash, sign })
  })
}

/** Returns the public half, and the algorithm that the type of the key decides. */
function readKeyUse({ publicKey: encoded }: FoundKey, setting: string): KeyUse {
  if (encoded === undefined) {
    const message =
      'the token does not show the public half of the private key, neither in the key nor in a public key object ' +
      'with its id, or it is on a curve that is not supported: without it there is nothing to certify'
    throw new ConfigurationError([{ variable: setting, message }])
  }
  const publicKey = createPublicKey({ key: Buffer.from(encoded), type: 'spki', format: 'der' })
  const unsupported = findUnsupportedKey(publicKey)
  if (unsupported !== undefined) {
    const message = `the private key must be ${SUPPORTED_KEYS}; it is ${unsupported}`
    throw new ConfigurationError([{ variable: setting, message }])
  }
  return { publicKey, algorithm: chooseSignatureAlgorithm(publicKey) }
}

/**
 * Opens the token, waits until a test signature has verified, calls `use`, and closes the token.
 *
 * @param limits time limits for opening and closing the token, in ms
 * @throws ConfigurationError if the configuration does not fit the token; CommandFailed if it cannot sign
 */
export async function withKey<K extends Opener, T>(
  create: (events: Events) => K,
  limits: { readonly openMs: number; readonly closeMs: number },
  use: (key: K) => Promise<T>,
): Promise<T> {
  const problems: ConfigurationError[] = []
  const onMisconfigured = (error: ConfigurationError) => problems.push(error)
  const key = create({ log: pino({ level: 'silent' }), observer: NO_OBSERVER, onMisconfigured })
  const open = async () => {
    key.start()
    await waitUntilReady(key, limits.openMs)
    return use(key)
  }
  try {
    return await open().catch((error) => {
      throw problems[0] ?? describeRefusal(error)
    })
  } finally {
    await key.close(limits.closeMs)
  }
}

/** Waits until the key is ready. Unlike the service, a command does not wait for a token that is away. */
async function waitUntilReady(key: Opener, limitMs: number): Promise<void> {
  const inTime = await waitUntil(limitMs, () => key.status().state !== 'starting')
  const { state, reason } = key.status()
  if (!inTime) {
    throw new CommandFailed('the PKCS#11 library did not answer in time')
  }
  if (state !== 'ready') {
    // A check would tell the token the same PIN again
    const advice =
      state === 'pin refused'
        ? 'each wrong PIN brings the token nearer to locking its user'
        : '"signing-service check" tells more'
    throw new CommandFailed(`${reason}; ${advice}`)
  }
}

/** Turns a refusal of the service into a message for the terminal, with the details that the service logs. */
function describeRefusal(error: unknown): unknown {
  if (!(error instanceof Error && 'statusCode' in error)) {
    return error
  }
  const { message, cause } = error
  return new CommandFailed(cause instanceof Error ? `${message}. In detail: ${cause.message}` : message)
}

function ignore(): void {}
