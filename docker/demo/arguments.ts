import { parseArgs } from 'node:util'

export interface DemoArguments {
  /** Exit after the validation instead of serving on. */
  once: boolean
  /** Undefined: the usual port, or any free one if that is taken. */
  port: number | undefined
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {}

/**
 * Reads the arguments of the demo, without those of node itself; `--help` is run.mjs's.
 *
 * @throws UsageError
 */
export function parseArguments(args: readonly string[]): DemoArguments {
  const { once, port } = read(args)
  const number = port === undefined ? undefined : Number(port)
  if (number !== undefined && !(Number.isInteger(number) && number > 0 && number < 65536)) {
    throw new UsageError(`--port is ${port}; it is a number from 1 to 65535`)
  }
  return { once: once ?? false, port: number }
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { once: { type: 'boolean' }, port: { type: 'string' } },
    }).values
  } catch (cause) {
    throw new UsageError(`${cause instanceof Error ? cause.message : cause}; see npm run demo -- --help`, {
      cause,
    })
  }
}
