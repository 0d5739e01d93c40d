/** Finds what would let the HTTP process, were it broken into, get at what HSM_USER keeps from it. */
import { accessSync, constants, type Dirent, readdirSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import type { ConfigurationProblem } from '../errors.ts'
import { problemWith } from './problem.ts'
import type { SignerConfiguration } from './signer-configuration.ts'

/** Set on folders, such as /tmp, in which users may change nothing but files of their own. */
const STICKY = 0o1000

/**
 * Finds PIN files that this user may read, and files that he may change although they decide what the user of HSM_USER
 * runs: libraries, the signers file, and the program itself with its packages.
 */
export function findExposed(
  signers: readonly SignerConfiguration[],
  signersFile: string | undefined,
): ConfigurationProblem[] {
  const pins = signers.flatMap(({ access: { pin }, settings }) =>
    'file' in pin ? [{ setting: settings.pin, path: pin.file }] : [],
  )
  const decisive = [
    ...pins,
    ...signers.map(({ access, settings }) => ({ setting: settings.module, path: access.module })),
    ...(signersFile === undefined ? [] : [{ setting: 'SIGNERS_FILE', path: signersFile }]),
    ...[process.execPath, ...codePaths()].map((path) => ({ setting: 'SIGNING_SERVICE_USER', path })),
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

let code: readonly string[] | undefined

/**
 * Returns paths that lead to the service's code: of each folder a file in it that this user may change, or else the folder itself. It
 * looks into the folders once, at the start: there may be some 40,000 files, which take half a second.
 */
function codePaths(): readonly string[] {
  code ??= codeFolders().map((folder) => findChangeableWithin(folder) ?? folder)
  // Node.js finds packages by these files, too (Node.js API, "Self-referencing a package using its name")
  const descriptions = programFolders()
    .flatMap(pathsTo)
    .map((folder) => join(folder, 'package.json'))
  return [...code, ...descriptions.filter(isChangeable)]
}

function programFolders(): string[] {
  return process.argv.slice(1, 2).map((program) => dirname(followLinks(program)))
}

/** Returns the folder of the program, and that of the packages that it does not bring along in its bundles. */
function codeFolders(): string[] {
  const library = createRequire(import.meta.url).resolve('pkcs11js')
  return [...programFolders(), library.replace(/(\/node_modules)\/(?!.*\/node_modules\/).*$/, '$1')]
}

/** Returns something in a folder, however deep, that this user may change. */
function findChangeableWithin(folder: string): string | undefined {
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name)
    const found = isChangeable(path) ? path : entry.isDirectory() ? findChangeableWithin(path) : undefined
    if (found !== undefined) return found
  }
  return undefined
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    // This user may not list the folder, so that nothing in it is found
    return []
  }
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
