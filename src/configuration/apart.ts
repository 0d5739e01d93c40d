/** Finds what would let the HTTP process, were it broken into, get at what HSM_USER keeps from it. */
import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { ConfigurationProblem } from '../errors.ts'
import { problemWith } from './problem.ts'
import type { SignerConfiguration } from './signer-configuration.ts'

/** Set on folders, such as /tmp, in which users may change nothing but files of their own. */
const STICKY = 0o1000

/**
 * Finds PIN files that this user may read, and files that he may change although they decide what the user of HSM_USER
 * runs: libraries, the signers file, and the program itself.
 */
export function findExposed(
  signers: readonly SignerConfiguration[],
  signersFile: string | undefined,
): ConfigurationProblem[] {
  const pins = signers.flatMap(({ access: { pin }, settings }) =>
    pin !== undefined && 'file' in pin ? [{ setting: settings.pin, path: pin.file }] : [],
  )
  const decisive = [
    ...pins,
    ...signers.map(({ access, settings }) => ({ setting: settings.module, path: access.module })),
    ...(signersFile === undefined ? [] : [{ setting: 'SIGNERS_FILE', path: signersFile }]),
    ...[process.execPath, import.meta.dirname, ...process.argv.slice(1, 2)].map((path) => ({
      setting: 'SIGNING_SERVICE_USER',
      path,
    })),
  ]
  const user = `user ${process.geteuid?.()}, who runs the HTTP process`
  return [
    ...pins
      .filter(({ path }) => isAllowed(path, constants.R_OK))
      .map(({ setting, path }) =>
        problemWith(
          setting,
          `is readable for ${user}: chown it to the user of HSM_USER, and chmod 0400`,
          path,
        ),
      ),
    ...decisive.flatMap(({ setting, path }) => {
      const changeable = findChangeable(path)
      const wrong = `is writable for ${user}, and decides what the user of HSM_USER runs: chown it to root`
      return changeable === undefined ? [] : [problemWith(setting, wrong, changeable)]
    }),
  ]
}

/** Returns the path, a folder above it, or what a link there leads to, that this user may change. */
function findChangeable(path: string): string | undefined {
  return [...pathsTo(resolve(path)), ...pathsTo(followLinks(path))].find(isChangeable)
}

function pathsTo(path: string): string[] {
  const folder = dirname(path)
  return folder === path ? [path] : [path, ...pathsTo(folder)]
}

function followLinks(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    // This user may not enter a folder above it: what he can reach of it is in the path
    return resolve(path)
  }
}

/** Returns whether this user may change a file or folder; its owner can give himself the right. */
function isChangeable(path: string): boolean {
  try {
    const { uid, mode } = statSync(path)
    return uid === process.geteuid?.() || ((mode & STICKY) === 0 && isAllowed(path, constants.W_OK))
  } catch {
    return false
  }
}

function isAllowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}
