import { setTimeout as delay } from 'node:timers/promises'
import { type BaseLogger, pino } from 'pino'
import type { ConfigurationError } from '../../errors.ts'
import type { PoolObserver } from '../../pkcs11/pool/pool-options.ts'
import type { PoolStatus } from '../../pkcs11/pool/session-pool.ts'
import { CommandFailed } from '../exit-codes.ts'

const POLL_MS = 20

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
 * Opens the token as the service does, waits until a test signature has verified, calls `use`, and closes the token.
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
  const sign = async () => {
    key.start()
    await waitUntilReady(key, performance.now() + limitMs)
    return use(key)
  }
  try {
    return await sign().catch((error) => {
      throw problems[0] ?? describeRefusal(error)
    })
  } finally {
    await key.close()
  }
}

/** Waits until the key is ready. Unlike the service, a command does not wait for a token that is away. */
async function waitUntilReady(key: Key, deadline: number): Promise<void> {
  for (let { state, reason } = key.status(); state !== 'ready'; { state, reason } = key.status()) {
    if (state !== 'starting') {
      throw new CommandFailed(`${reason}; "signing-service check" tells more`)
    }
    if (performance.now() > deadline) {
      throw new CommandFailed('the PKCS#11 library did not answer in time')
    }
    await delay(POLL_MS)
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
