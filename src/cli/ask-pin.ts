import { ConfigurationError } from '../errors.ts'
import { askSecret } from './ask-secret.ts'
import type { Io } from './io.ts'

/**
 * Asks for the PIN at a terminal.
 *
 * @throws ConfigurationError if there is no terminal
 */
export async function askPin(io: Pick<Io, 'input' | 'errors'>): Promise<string> {
  if (!io.input.isTTY) {
    const message = 'is required, or HSM_PIN or --pin-file, since there is no terminal to ask for the PIN at'
    throw new ConfigurationError([{ variable: 'HSM_PIN_FILE', message }])
  }
  return askSecret(io, 'PIN of the user: ', 'PIN')
}
