/** Asks a person at the terminal. */
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { ConfigurationError } from '../errors.ts'
import { CommandFailed, type Io } from './io.ts'

type Terminal = Pick<Io, 'input' | 'errors'>

/**
 * Asks for the PIN.
 *
 * @throws ConfigurationError if there is no terminal
 */
export async function askPin(io: Terminal): Promise<string> {
  if (!io.input.isTTY) {
    const message =
      'is required, or HSM_PIN, HSM_PIN_SECRET_ID, --pin-file or --pin-secret-id, since there is no terminal to ask for the PIN at'
    throw new ConfigurationError([{ variable: 'HSM_PIN_FILE', message }])
  }
  return askSecret(io, 'PIN of the user: ', 'PIN')
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

/**
 * Asks whether to go on.
 *
 * @throws CommandFailed unless the answer is yes, and if there is no terminal
 */
export async function confirm({ input, errors }: Terminal, question: string): Promise<void> {
  if (!input.isTTY) {
    throw new CommandFailed('there is no terminal to confirm this at: add --yes')
  }
  const answer = await ask(createInterface({ input, output: errors }), `${question} (yes/no) `)
  if (!/^y(es)?$/i.test(answer.trim())) {
    throw new CommandFailed('nothing was changed')
  }
}

/**
 * Asks for a name to be typed in full, so that nothing is deleted by a habit.
 *
 * @param given in place of what is typed, where the command line has it
 * @throws CommandFailed unless it is that name, and if there is no terminal
 */
export async function confirmName(
  { input, errors }: Terminal,
  { question, name, given }: { readonly question: string; readonly name: string; readonly given?: string },
): Promise<void> {
  if (given === undefined && !input.isTTY) {
    throw new CommandFailed('there is no terminal to confirm this at: add --confirm NAME')
  }
  const typed = given ?? (await ask(createInterface({ input, output: errors }), `${question} `))
  if (typed.trim() !== name) {
    throw new CommandFailed('that is another name; nothing was changed')
  }
}

/** Returns what is typed; an empty string after Ctrl-C and Ctrl-D, which close the reader. */
async function ask(reader: Interface, question: string): Promise<string> {
  const answer = await new Promise<string>((resolve) => {
    reader.question(question, resolve)
    reader.once('close', () => resolve(''))
  })
  reader.close()
  return answer
}
