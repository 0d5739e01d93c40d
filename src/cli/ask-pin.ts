import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { ConfigurationError } from '../errors.ts'
import { CommandFailed } from './exit-codes.ts'
import type { Io } from './io.ts'

/**
 * Asks for the PIN at a terminal, which shows nothing of what is typed.
 *
 * @throws ConfigurationError where there is no terminal
 */
export async function askPin({ input, errors }: Pick<Io, 'input' | 'errors'>): Promise<string> {
  if (!input.isTTY) {
    const message = 'is required, or HSM_PIN or --pin-file, since there is no terminal to ask for the PIN at'
    throw new ConfigurationError([{ variable: 'HSM_PIN_FILE', message }])
  }
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  // As a terminal: readline then has it not echo, and echoes into nowhere
  const reader = createInterface({ input, output: nowhere, terminal: true, historySize: 0 })
  errors.write('PIN of the user: ')
  try {
    return await readLine(reader)
  } finally {
    reader.close()
    errors.write('\n')
  }
}

function readLine(reader: ReturnType<typeof createInterface>): Promise<string> {
  return new Promise((resolve, reject) => {
    const refuse = () => reject(new CommandFailed('no PIN was given'))
    reader.once('line', (line) => (line === '' ? refuse() : resolve(line)))
    // By Ctrl-C or Ctrl-D
    reader.once('close', refuse)
  })
}
