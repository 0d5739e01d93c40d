/** Opens the token as the service does, for a command that signs. */
import { type BaseLogger, pino } from 'pino'
import { digest } from '../algorithms/digest.ts'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { ConfigurationError } from '../errors.ts'
import type { PoolObserver } from '../pkcs11/pool-observer.ts'
import type { PoolStatus } from '../pkcs11/session-pool.ts'
import { UncertifiedKey } from '../signers/uncertified-key.ts'
import { loadForCertification } from './configuration.ts'
import { CommandFailed, type Io } from './io.ts'
import type { CertifyingKey } from './issuing/issuing.ts'
import type { KeyOptions } from './options.ts'
import { waitUntil } from './wait-until.ts'

/** A key whose token can be opened and closed. */
interface Key {
  start(): void
  status(): PoolStatus
  close(): Promise<void>
}

type KeyFactory<K> = (
  log: BaseLogger,
  observer: PoolObserver,
  onMisconfigured: (error: ConfigurationError) => void,
) => K

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
 * Lends a key on the token that signs certificates, or requests for them. Each signature is verified with the public half
 * of the key.
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
  return withKey(
    (...events) => new UncertifiedKey(signer, hsm, ...events, givenPin),
    options.timeout * 1000,
    (key) => {
      const deadline = performance.now() + hsm.timeoutMs
      return use({
        ...key.use(),
        hash,
        sign: async (message) => key.sign(hash, { digest: digest(hash, message), message }, { deadline }),
      })
    },
  )
}

/**
 * Opens the token, waits until a test signature has verified, calls `use`, and closes the token.
 *
 * @param limitMs time limit for opening the token, in ms
 * @throws ConfigurationError if the configuration does not fit the token; CommandFailed if it cannot sign
 */
export async function withKey<K extends Key, T>(
  create: KeyFactory<K>,
  limitMs: number,
  use: (key: K) => Promise<T>,
): Promise<T> {
  const problems: ConfigurationError[] = []
  const key = create(pino({ level: 'silent' }), NO_OBSERVER, (error) => problems.push(error))
  try {
    key.start()
    await waitUntilReady(key, limitMs)
    return await use(key)
  } catch (error) {
    throw problems[0] ?? describeRefusal(error)
  } finally {
    await key.close()
  }
}

/** Waits until the key is ready. Unlike the service, a command does not wait for a token that is away. */
async function waitUntilReady(key: Key, limitMs: number): Promise<void> {
  const inTime = await waitUntil(limitMs, () => key.status().state !== 'starting')
  const { state, reason } = key.status()
  if (!inTime) {
    throw new CommandFailed('the PKCS#11 library did not answer in time')
  }
  if (state !== 'ready') {
    throw new CommandFailed(`${reason}; "signing-service check" tells more`)
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
