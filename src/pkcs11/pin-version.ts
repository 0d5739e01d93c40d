import { realpathSync } from 'node:fs'
import { fileVersion } from '../common/file-version.ts'
import type { PinSource } from '../configuration/signer-configuration.ts'

/** A PIN, and which version of its source it is. */
export interface Pin {
  readonly pin: string
  /** Not derived from the PIN. */
  readonly version: string
}

/** A PIN that a token was told: which token, and which version of the PIN's source. Neither is derived from the PIN. */
export interface ToldPin {
  /** Library, label and serial number. */
  readonly token: string
  readonly version: string
}

/** The parts of a token's description that tell it from others. */
interface TokenIdentity {
  readonly label: string
  readonly serialNumber: string
}

/** Returns by what a token is known, in however many ways it is named, and through links to its library, too. */
export function identifyToken(module: string, { label, serialNumber }: TokenIdentity): string {
  return JSON.stringify([resolveLinks(module), label, serialNumber])
}

function resolveLinks(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    // The linker finds libraries that are named without a folder
    return path
  }
}

/** Returns whether a token was told a PIN before. */
export function wasTold({ token, version }: ToldPin, before: readonly ToldPin[]): boolean {
  return before.some((one) => one.token === token && one.version === version)
}

/**
 * Returns which version of a PIN a source holds now, without reading it. A file that is written anew or replaced has
 * another version, also where Kubernetes swaps the link that leads to it. So has one that cannot be reached: the code of the
 * error. A variable has one as long as the process runs. So has a secret here: its versions are known to processes that read
 * it alone.
 */
export function pinVersion(source: PinSource): string {
  if ('secretId' in source) {
    return source.secretId
  }
  if ('variable' in source) {
    return source.variable
  }
  return fileVersion(source.file)
}
