import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandFailed } from './exit-codes.ts'
import type { Io } from './io.ts'

/**
 * Asks for a secret at a terminal, which does not echo what is typed.
 *
 * @param name name of the secret, such as `PIN`, for the message if none is given
 */
export async function askSecret(
  { input, errors }: Pick<Io, 'input' | 'errors'>,
  question: string,
  name: string,
): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  // With `terminal`, readline turns off the terminal's echo, and echoes into `nowhere` itself
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
    // Ctrl-C and Ctrl-D close the reader
    reader.once('close', refuse)
  })
}
