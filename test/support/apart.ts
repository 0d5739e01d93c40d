/** Two users of this system, and tokens that one of them alone may use. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ProcessUsers } from '../../src/configuration/users.ts'
import { permissionFlags } from '../../src/parent.ts'
import { repositoryPath } from './repository.ts'

/** Users that every system has; none of their files matters. */
export const USERS: ProcessUsers = { http: { uid: 65_534, gid: 65_534 }, hsm: { uid: 2, gid: 2 } }

export const USER_VARIABLES: Readonly<Record<string, string>> = {
  ...{ SIGNING_SERVICE_USER: '65534:65534', HSM_USER: '2:2' },
  // Tap loads into each process what takes permissions that the HTTP process does not have
  ...(permissionFlags().length > 0 ? { NODE_OPTIONS: '' } : {}),
}

/** Returns why no processes of other users can be started here; false where they can. */
export function whyNotApart(): string | false {
  if (process.geteuid?.() !== 0) {
    return 'it takes root to start processes of other users'
  }
  // Processes of these users leave their coverage here
  mkdirSync(repositoryPath('.tap/coverage'), { recursive: true })
  chmodSync(repositoryPath('.tap/coverage'), 0o1777)
  const runs = Object.values(USERS).every((user) => canRun(user))
  return runs ? false : 'other users may not run this Node.js, or not read this folder'
}

function canRun(user: ProcessUsers['http']): boolean {
  const { status } = spawnSync(process.execPath, [import.meta.filename], { ...user, env: {} })
  return status === 0
}

/**
 * Gives a SoftHSM token and its PIN file to the user of HSM_USER alone; all else in the folder may be read by everybody.
 *
 * @param directory the folder, or one above it
 */
export function giveToken(
  directory: string,
  { SOFTHSM2_CONF = '', HSM_PIN_FILE = '' }: Readonly<Record<string, string>>,
): void {
  const { uid, gid } = USERS.hsm
  const tokens = join(dirname(SOFTHSM2_CONF), 'tokens')
  execFileSync('chmod', ['-R', 'a+rX,go-w', directory])
  execFileSync('chmod', ['-R', 'go=', tokens])
  execFileSync('chmod', ['0400', HSM_PIN_FILE])
  execFileSync('chown', ['-R', `${uid}:${gid}`, tokens, HSM_PIN_FILE])
}
