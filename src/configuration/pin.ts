/** Finds where the PIN of a token is. */
import { readSecret } from '../common/secret.ts'
import { describeSecretFile, isReadable, warnAboutMode } from './files.ts'
import { type Findings, problemWith } from './problem.ts'
import type { PinSource } from './signer-configuration.ts'
import type { SignerDocument } from './signer-document.ts'
import type { Variables } from './variables.ts'

/** Returns the PIN that the environment holds now; undefined if a file holds it, which this process never opens. */
export function pinOfEnvironment(
  source: PinSource,
  environment: Variables = process.env,
): string | undefined {
  return 'variable' in source ? environment[source.variable] : undefined
}

/** Returns whether a PIN is configured, rightly or wrongly. */
export function isPinConfigured({ HSM_PIN: pin = '', HSM_PIN_FILE: file = '' }: Variables): boolean {
  return pin !== '' || file !== ''
}

/** Returns the source of the PIN; undefined if it is missing or wrong. Only the signer process reads a file. */
export function findPin(
  { settings: { token }, isValid, placeOf }: SignerDocument,
  { problems, warnings, apart }: Pick<Findings, 'problems' | 'warnings' | 'apart'>,
): PinSource | undefined {
  const place = placeOf('token/pinFile')
  const file = describeSecretFile(place, token.pinFile)
  if (token.pin !== undefined && file !== undefined) {
    problems.push(problemWith(file.setting, 'is set beside HSM_PIN; set one of the two', file.shown))
    return undefined
  }
  if (file !== undefined) {
    if (apart) {
      return { file: file.path }
    }
    if (!isReadable(file, problems)) {
      return undefined
    }
    warnAboutMode(file, warnings)
    return { file: file.path }
  }
  if (token.pin === undefined) {
    // The part of a wrong entry that was meant for it may be what is wrong
    if (isValid) {
      problems.push(problemWith(place.setting, 'is required, or HSM_PIN'))
    }
    return undefined
  }
  try {
    readSecret(token.pin)
  } catch (error) {
    problems.push(problemWith('HSM_PIN', (error as Error).message))
  }
  return { variable: 'HSM_PIN' }
}
