/** Asks a person at the terminal. */
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { readSecret } from '../common/secret.ts'
import { ConfigurationError } from '../errors.ts'
import { CommandFailed, type Io } from './io.ts'
import { printable } from './table.ts'

type Terminal = Pick<Io, 'input' | 'errors'>

/**
 * Asks for the PIN.
 *
 * @throws ConfigurationError if there is no terminal; CommandFailed if what was typed is not clearly one PIN
 */
export async function askPin(io: Terminal): Promise<string> {
  if (!io.input.isTTY) {
    const message =
      'is required, or HSM_PIN, HSM_PIN_SECRET_ID, --pin-file or --pin-secret-id, since there is no terminal to ask for the PIN at'
    throw new ConfigurationError([{ variable: 'HSM_PIN_FILE', message }])
  }
  const typed = await askSecret(io, 'PIN of the user: ', 'PIN')
  try {
    return readSecret(typed)
  } catch (error) {
    throw new CommandFailed(`the PIN that was typed ${(error as Error).message}`)
  }
}

/**
 * Asks for a secret, which the terminal does not echo.
 *
 * @param name name of the secret, such as `PIN`, for the message if none is given
 */
export async function askSecret(
  { input, errors }: Terminal,
  question: string,
  name: string,
): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  // With `terminal`, readline turns off the terminal's echo, and echoes into `nowhere` itself
  const reader = createInterface({ input, output: nowhere, terminal: true, historySize: 0 })
  errors.write(question)
  const secret = await ask(reader, '')
  errors.write('\n')
  if (secret === '') {
    throw new CommandFailed(`no ${name} was given`)
  }
  return secret
}

/** Names an object on a token. An empty text names nothing, and null is what the token does not show. */
export interface ObjectNames {
  readonly label: string | null
  /** CKA_ID in hex. */
  readonly id: string | null
  /** SHA-256 in hex. */
  readonly fingerprint: string | null
}

/**
 * Has the name of what is to be deleted typed in full, so that nothing is deleted by a habit. The name is the label, the id
 * where there is no label, or else the fingerprint.
 *
 * @param given in place of what is typed, where the command line has it
 * @returns the name
 * @throws CommandFailed unless it is that name, and if there is no terminal
 */
export async function confirmDeletion(
  { input, errors }: Terminal,
  { label, id, fingerprint }: ObjectNames,
  given: string | undefined,
): Promise<string> {
  const name = label || id || fingerprint
  if (!name) {
    throw new CommandFailed(
      'it has neither label, id nor fingerprint, by which its deletion could be confirmed',
    )
  }
  if (given === undefined && !input.isTTY) {
    throw new CommandFailed('there is no terminal to confirm this at: add --confirm NAME')
  }
  const question = `Type ${printable(name)} to delete it from the token: `
  const typed = given ?? (await ask(createInterface({ input, output: errors }), question))
  if (typed !== name && typed.trim() !== name) {
    throw new CommandFailed('that is another name; nothing was changed')
  }
  return name
}

/** Returns what is typed; an empty string after Ctrl-C and Ctrl-D, which close the reader. Ctrl-Z does nothing. */
async function ask(reader: Interface, question: string): Promise<string> {
  // Else readline turns on the echo, and goes on neither when the process does nor where no shell can stop it, as in a container
  reader.on('SIGTSTP', () => {})
  const answer = await new Promise<string>((resolve) => {
    reader.question(question, resolve)
    reader.once('close', () => resolve(''))
  })
  reader.close()
  return answer
}
