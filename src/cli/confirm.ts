import { createInterface } from 'node:readline'
import { CommandFailed } from './exit-codes.ts'
import type { Io } from './io.ts'

/**
 * Asks a person at the terminal whether to go on.
 *
 * @throws CommandFailed unless the answer is yes, and if there is no terminal
 */
export async function confirm(
  { input, errors }: Pick<Io, 'input' | 'errors'>,
  question: string,
): Promise<void> {
  if (!input.isTTY) {
    throw new CommandFailed('there is no terminal to confirm this at: add --yes')
  }
  const reader = createInterface({ input, output: errors })
  const answer = await new Promise<string>((resolve) => {
    reader.question(`${question} (yes/no) `, resolve)
    // Ctrl-C and Ctrl-D close the reader
    reader.once('close', () => resolve(''))
  })
  reader.close()
  if (!/^y(es)?$/i.test(answer.trim())) {
    throw new CommandFailed('nothing was changed')
  }
}
