/**
 * A token of tpm2-pkcs11 in a TPM of its own: swtpm plays the TPM, which processes share through the resource manager
 * tpm2-abrmd. That one is reached over a D-Bus, here a private one. They go away and come back as devices do.
 */
import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryPath } from './repository.ts'
import { until } from './signing.ts'
import { PIN, type Token } from './token.ts'

const LABEL = 'test'
const PROGRAMS = ['swtpm', 'dbus-daemon', 'dbus-send', 'tpm2-abrmd', 'tpm2_ptool']
const PATH = `${process.env.PATH}:/usr/sbin`

export interface Tpm {
  /** Without keys. */
  readonly token: Token
  /** Ends the resource manager at once; the TPM goes on. */
  killManager(): Promise<void>
  /** Starts it again. */
  startManager(): Promise<void>
  /** Ends the TPM at once, as a power failure would: it keeps its keys and forgets which were loaded. */
  killTpm(): Promise<void>
  /** Starts it again. */
  startTpm(): Promise<void>
}

/** Path of the library; undefined where it, or what it needs here, is not installed. */
export function findTpm2Pkcs11(): string | undefined {
  const script = repositoryPath('docker/tpm2-pkcs11-module-path.sh')
  const { status, stdout } = spawnSync(script, { encoding: 'utf8' })
  const isThere = (program: string) =>
    spawnSync('sh', ['-c', `command -v ${program}`], { env: { ...process.env, PATH } }).status === 0
  return status === 0 && PROGRAMS.every(isThere) ? stdout.trim() : undefined
}

/**
 * Starts a TPM, and makes a token in it. The library reads where they are from the environment, so it is set for this
 * process, and with it for the signer processes that it starts: one TPM a test file. All ends with the test.
 *
 * @param directory where the token and the file with the PIN go
 * @param module path of the library
 */
export async function createTpmToken(
  t: { teardown(act: () => unknown): void },
  directory: string,
  module: string,
): Promise<Tpm> {
  // The path of a socket must fit into about 100 bytes
  const sockets = mkdtempSync(join(tmpdir(), 'tpm-'))
  const [store, state] = [join(directory, 'store'), join(directory, 'state')]
  const bus = `unix:path=${join(sockets, 'bus')}`
  mkdirSync(store, { recursive: true })
  mkdirSync(state)
  const tcti = 'tabrmd:bus_type=session'
  const variables = {
    ...{ DBUS_SESSION_BUS_ADDRESS: bus, TPM2_PKCS11_STORE: store },
    ...{ TPM2_PKCS11_TCTI: tcti, TPM2TOOLS_TCTI: tcti },
  }
  Object.assign(process.env, variables)

  const running = new Map<string, ChildProcess>()
  const start = (name: string, ...args: string[]) => {
    const child = spawn(name, args, { env: { ...process.env, PATH }, stdio: ['ignore', 'pipe', 'ignore'] })
    child.stdout?.resume()
    running.set(name, child)
    return child
  }
  const kill = async (name: string) => {
    const child = running.get(name)
    running.delete(name)
    if (child?.kill('SIGKILL')) {
      await once(child, 'exit')
    }
  }
  const killAll = () => running.forEach((child) => void child.kill('SIGKILL'))
  // Where the test ends without its teardown, too
  process.once('exit', killAll)
  t.teardown(async () => {
    process.off('exit', killAll)
    await Promise.all([...running.keys()].map(kill))
    rmSync(sockets, { recursive: true })
  })

  const socket = join(sockets, 'tpm')
  const startTpm = async () => {
    rmSync(socket, { force: true })
    const server = ['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`]
    const flags = ['--flags', 'not-need-init,startup-clear']
    start('swtpm', 'socket', '--tpm2', '--tpmstate', `dir=${state}`, ...server, ...flags)
    await until('swtpm has its socket', () => existsSync(socket))
  }
  const startManager = async () => {
    start('tpm2-abrmd', '--session', '--allow-root', `--tcti=swtpm:path=${socket}`)
    await until('tpm2-abrmd is on the bus', () => hasName('com.intel.tss2.Tabrmd'))
  }
  const busDaemon = start('dbus-daemon', '--session', '--nofork', `--address=${bus}`, '--print-address')
  await once(busDaemon.stdout ?? busDaemon, 'data')
  await startTpm()
  await startManager()

  const pinFile = join(directory, 'pin')
  writeFileSync(pinFile, PIN, { mode: 0o600 })
  const run = promisify(execFile)
  await run('tpm2_ptool', ['init', '--path', store])
  await run('tpm2_ptool', [
    ...['addtoken', '--path', store, '--pid', '1', '--label', LABEL, '--userpin', PIN, '--sopin', 'so-pin'],
  ])
  return {
    token: {
      directory,
      label: LABEL,
      environment: { HSM_MODULE: module, HSM_TOKEN_LABEL: LABEL, HSM_PIN_FILE: pinFile },
    },
    killManager: () => kill('tpm2-abrmd'),
    startManager,
    killTpm: () => kill('swtpm'),
    startTpm,
  }
}

/** Returns whether somebody has that name on the bus. */
function hasName(name: string): boolean {
  const answer = execFileSync('dbus-send', [
    ...['--session', '--print-reply', '--dest=org.freedesktop.DBus', '/org/freedesktop/DBus'],
    ...['org.freedesktop.DBus.NameHasOwner', `string:${name}`],
  ])
  return answer.includes('boolean true')
}
