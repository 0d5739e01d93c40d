import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandFailed } from './exit-codes.ts'
import type { Io } from './io.ts'

/**
 * Asks for a secret at a terminal, which shows nothing of what is typed.
 *
 * @param name such as `PIN`, for the message where none is given
 */
export async function askSecret(
  { input, errors }: Pick<Io, 'input' | 'errors'>,
  question: string,
  name: string,
): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  // As a terminal: readline then has it not echo, and echoes into nowhere
  const reader = createInterface({ input, output: nowhere, terminal: true, historySize: 0 })
  errors.write(question)
  try {
    return await readLine(reader, name)
  } finally {
    reader.close()
    errors.write('\n')
  }
}

function readLine(reader: ReturnType<typeof createInterface>, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const refuse = () => reject(new CommandFailed(`no ${name} was given`))
    reader.once('line', (line) => (line === '' ? refuse() : resolve(line)))
    // By Ctrl-C or Ctrl-D
    reader.once('close', refuse)
  })
}
