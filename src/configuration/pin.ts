import { readSecret } from '../common/secret.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { isReadable, warnAboutMode } from './files.ts'
import { describeSecretPath } from './given-path.ts'
import { problemWith } from './problem.ts'
import type { PinSource } from './signer-configuration.ts'
import type { GivenVariables, Variables } from './variables.ts'

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

/** Returns the source of the PIN. Only the signer process reads a file. */
export function findPin(
  given: GivenVariables,
  problems: ConfigurationProblem[],
  warnings: string[],
): PinSource | undefined {
  const { HSM_PIN: pin, HSM_PIN_FILE: file } = given
  if (pin !== undefined && file !== undefined) {
    const { shown } = describeSecretPath(file)
    problems.push(problemWith('HSM_PIN_FILE', 'is set beside HSM_PIN; set one of the two', shown))
    return undefined
  }
  if (file !== undefined) {
    if (!isReadable('HSM_PIN_FILE', describeSecretPath(file), problems)) {
      return undefined
    }
    warnAboutMode('HSM_PIN_FILE', file, warnings)
    return { file }
  }
  if (pin === undefined) {
    problems.push(problemWith('HSM_PIN_FILE', 'is required, or HSM_PIN'))
    return undefined
  }
  try {
    readSecret(pin)
  } catch (error) {
    problems.push(problemWith('HSM_PIN', (error as Error).message))
  }
  return { variable: 'HSM_PIN' }
}
