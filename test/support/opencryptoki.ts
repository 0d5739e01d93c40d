/**
 * The software token of openCryptoki. There is one for the whole machine, behind a daemon and below
 * /var/lib/opencryptoki, so that tests take turns; and it may be somebody's, who then keeps it.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { repositoryPath } from './repository.ts'
import { keepSecret } from './secret-watch.ts'
import type { Token } from './token.ts'

const LABEL = 'signing-service test'
/** That of a token that nobody has made his own. Version 3.8 spoils the token when it is initialized with another. */
const SO_PIN = '87654321'
/** At most eight characters. */
const PIN = 'pin-4711'
keepSecret('PIN', PIN)

/**
 * Holds the lock until its stdin ends, as it does with the test however that ends. Runs the daemon where none runs,
 * and ends that one then.
 */
const KEEPER = `
started=
if ! pkcsconf -i >/dev/null 2>&1; then
  # The pid of one in the background would be known only some time after it has started
  pkcsslotd -f </dev/null >&2 &
  started=$!
  until pkcsconf -i >/dev/null 2>&1; do
    kill -0 "$started" || exit
    sleep 0.05
  done
fi
echo ready
cat >/dev/null
if [ -n "$started" ]; then
  kill "$started"
  wait "$started"
fi
`

const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }

/** Path of the library; undefined where it is not installed. */
export function findOpenCryptoki(): string | undefined {
  const script = repositoryPath('docker/opencryptoki-module-path.sh')
  const { status, stdout } = spawnSync(script, { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/**
 * Initializes the token, for as long as the test runs; what an earlier test has left on it is gone then.
 *
 * @param directory where the file with the PIN goes
 * @param module path of the library
 * @throws when the token is somebody's, or the daemon cannot be started, as only root can
 */
export async function createOpenCryptokiToken(
  t: { teardown(act: () => Promise<unknown>): void },
  directory: string,
  module: string,
): Promise<Token> {
  const keeper = spawn(
    'flock',
    // The daemon would inherit the lock, and keep it
    ['--close', join(tmpdir(), 'signing-service-opencryptoki.lock'), 'sh', '-c', KEEPER],
    { env, detached: true, stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const ended = once(keeper, 'exit')
  t.teardown(() => {
    keeper.stdin?.end()
    return ended
  })
  await ready(keeper)

  const slot = findFreeSlot()
  pkcsconf(`${LABEL}\n`, '-I', '-c', slot, '-S', SO_PIN)
  pkcsconf('', '-u', '-c', slot, '-S', SO_PIN, '-n', PIN)
  const pinFile = join(directory, 'pin')
  await writeFile(pinFile, PIN, { mode: 0o600 })
  return {
    directory,
    label: LABEL,
    environment: { HSM_MODULE: module, HSM_TOKEN_LABEL: LABEL, HSM_PIN_FILE: pinFile },
  }
}

async function ready({ stdout }: ChildProcess): Promise<void> {
  const output = stdout as Readable
  const isReady = await Promise.race([
    once(output, 'data').then(() => true),
    once(output, 'end').then(() => false),
  ])
  if (!isReady) {
    throw new Error("openCryptoki's daemon cannot be started")
  }
}

/** The slot of a software token that is not initialized, or was by a test. */
function findFreeSlot(): string {
  const tokens = pkcsconf('', '-t').split(/^(?=Token #)/m)
  const free = tokens.find(
    (token) =>
      /Model: .*Soft/.test(token) &&
      (!token.includes('|TOKEN_INITIALIZED') || new RegExp(`Label: ${LABEL} *\n`).test(token)),
  )
  const slot = free?.match(/^Token #(\d+)/)?.[1]
  if (slot === undefined) {
    throw new Error(`openCryptoki has no software token that nobody uses: ${tokens.join('')}`)
  }
  return slot
}

function pkcsconf(input: string, ...args: string[]): string {
  return execFileSync('pkcsconf', args, { env, input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'inherit'] })
}
