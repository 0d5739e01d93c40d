import { readNames, readNumber, readOptions } from '../support/suite-arguments.ts'
import { SCENARIOS } from './scenarios/index.ts'

/** Names what is measured after the scenarios; it can be asked for as they can. */
export const GROWTH = 'growth'

export interface ChaosArguments {
  readonly help: boolean
  /** Names of scenarios, and `growth`; all when none is given. */
  readonly only: ReadonlySet<string>
  /** How long each fault lasts. */
  readonly seconds: number
  /** Where the figures go as JSON. */
  readonly json: string | undefined
  /** A page whose table is replaced. */
  readonly markdown: string | undefined
}

export const USAGE = `usage: npm run test:chaos -- [--only NAME,...] [--seconds N] [--json FILE] [--markdown FILE]

Breaks the token, the library and the signer process under load, one way after another, and prints what the clients saw.
Exits with 1 when something that must hold did not.

  --only NAME,...   these only; ${GROWTH} is what the server holds after 10,000 further requests
  --seconds N       how long each fault lasts; 5 by default
  --json FILE       writes the figures
  --markdown FILE   replaces the tables of a page, between <!-- chaos:begin --> and <!-- chaos:end -->

Names: ${[...SCENARIOS.map(({ name }) => name), GROWTH].join(', ')}`

/**
 * Reads the arguments, without those of node itself.
 *
 * @throws UsageError
 */
export function parseArguments(args: readonly string[]): ChaosArguments {
  const values = readOptions(args, {
    help: { type: 'boolean' },
    only: { type: 'string' },
    seconds: { type: 'string' },
    json: { type: 'string' },
    markdown: { type: 'string' },
  })
  const { help = false, only, seconds = '5', json, markdown } = values
  const known = [...SCENARIOS.map(({ name }) => name), GROWTH]
  return {
    help,
    only: readNames(only, known, 'scenario'),
    seconds: readNumber('seconds', seconds),
    json,
    markdown,
  }
}
