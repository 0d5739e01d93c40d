/** Finds where the PIN of a token is. */
import { statSync } from 'node:fs'
import type { ConfigurationProblem } from '../errors.ts'
import { describeSecretFile, type GivenFile, isReadable, warnAboutMode } from './files.ts'
import { parsePin } from './parse-pin.ts'
import { type Findings, problemWith } from './problem.ts'
import { describeUnreadable } from './read-pin.ts'
import type { PinSource } from './signer-configuration.ts'
import type { SignerDocument } from './signer-document.ts'
import type { Variables } from './variables.ts'

/** Package that reads secrets of AWS Secrets Manager. It is optional, and only processes that log in load it. */
const SDK = '@aws-sdk/client-secrets-manager'

/** Returns the PIN that the environment holds now; undefined if something else holds it, which this process never reads. */
export function pinOfEnvironment(
  source: PinSource,
  environment: Variables = process.env,
): string | undefined {
  return 'variable' in source ? environment[source.variable] : undefined
}

/** Returns whether a PIN is configured, rightly or wrongly. */
export function isPinConfigured({ HSM_PIN, HSM_PIN_FILE, HSM_PIN_SECRET_ID }: Variables): boolean {
  return [HSM_PIN, HSM_PIN_FILE, HSM_PIN_SECRET_ID].some((value = '') => value !== '')
}

/**
 * Returns the source of the PIN; undefined if it is missing or wrong. Only the signer process reads a file or a secret.
 *
 * @param findings `looksAtFiles` is false where another process has looked whether the file is there
 */
export function findPin(
  { settings: { token }, isValid, placeOf }: SignerDocument,
  {
    problems,
    warnings,
    apart,
    looksAtFiles = true,
  }: Pick<Findings, 'problems' | 'warnings' | 'apart'> & { readonly looksAtFiles?: boolean },
): PinSource | undefined {
  const { pin, pinFile, pinSecretId } = token
  const place = placeOf('token/pinFile')
  const file = describeSecretFile(place, pinFile)
  const [first, ...others] = Object.entries({ pin, pinFile, pinSecretId }).flatMap(([part, value]) =>
    value === undefined ? [] : placeOf(`token/${part}`).setting,
  )
  if (first === undefined) {
    // The part of a wrong entry that was meant for it may be what is wrong
    if (isValid) {
      problems.push(problemWith(place.setting, 'is required, or HSM_PIN, or HSM_PIN_SECRET_ID'))
    }
    return undefined
  }
  if (others.length > 0) {
    const shown = (setting: string) => (setting === file?.setting ? file.shown : undefined)
    const describe = (setting: string) =>
      problemWith(setting, `is set beside ${first}; set one of the two`, shown(setting))
    problems.push(...others.map(describe))
    return undefined
  }
  if (file !== undefined) {
    if (apart) {
      problems.push(...(looksAtFiles ? findHidden(file) : []))
      return { file: file.path }
    }
    if (!isReadable(file, problems)) {
      return undefined
    }
    warnAboutMode(file, warnings)
    return { file: file.path }
  }
  if (pinSecretId !== undefined) {
    problems.push(...findMissingPackage(first))
    return { secretId: pinSecretId }
  }
  try {
    parsePin(pin as string)
  } catch (error) {
    problems.push(problemWith('HSM_PIN', (error as Error).message))
  }
  return { variable: 'HSM_PIN' }
}

/**
 * Returns a problem with a file that another user reads, if it cannot be seen and its name may be the PIN itself: messages of
 * that user's process and fields of the log would show it.
 */
function findHidden({ setting, path, shown }: GivenFile): ConfigurationProblem[] {
  try {
    statSync(path)
    return []
  } catch (error) {
    const wrong = describeUnreadable(error as NodeJS.ErrnoException)
    return shown === undefined
      ? [problemWith(setting, `${wrong}; its path must begin with /, ./ or ../`)]
      : []
  }
}

/** Returns a problem with a setting that needs a package which is not installed; no package is loaded. */
export function findMissingPackage(setting: string, name = SDK): ConfigurationProblem[] {
  try {
    import.meta.resolve(name)
    return []
  } catch {
    const message = `needs the package ${name}, which is not installed: run npm ci without --omit=optional`
    return [{ variable: setting, message }]
  }
}
