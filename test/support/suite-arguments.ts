/** What the command lines of the suites that are run by hand have in common. */
import { type ParseArgsConfig, parseArgs } from 'node:util'

/** The command line is wrong; the message says how. */
export class UsageError extends Error {}

/**
 * Reads options.
 *
 * @throws UsageError
 */
export function readOptions<Options extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message}; see --help`, { cause })
  }
}

/**
 * Names of a list that are separated by commas; none where it is not given.
 *
 * @param what they name
 * @throws UsageError for those that are not known
 */
export function readNames(list: string | undefined, known: readonly string[], what: string): Set<string> {
  const names = new Set(list?.split(','))
  const unknown = [...names].filter((name) => !known.includes(name))
  if (unknown.length > 0) {
    throw new UsageError(`there is no ${what} ${unknown.join(', ')}; see --help`)
  }
  return names
}

/** @throws UsageError for what is not a number, or less than 0, or 0 where it must be above */
export function readNumber(name: string, value: string, { zero = false } = {}): number {
  const number = Number(value)
  if (!(number > 0 || (zero && number === 0)) || !Number.isFinite(number) || value === '') {
    throw new UsageError(`--${name} is ${value}; it is a number ${zero ? 'from 0 on' : 'above 0'}`)
  }
  return number
}

/**
 * Runs a suite as the main program: its result is the exit code, 64 where the command line is wrong and 1 where it
 * throws.
 */
export async function runSuite(main: (args: readonly string[]) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    console.error(error instanceof UsageError ? error.message : error)
    // Processes that were started before it threw would keep this one waiting
    process.exit(error instanceof UsageError ? 64 : 1)
  }
}
