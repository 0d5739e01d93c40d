/** Implements `signing-service tokens`, which lists the tokens of a PKCS#11 library. */
import type { Command } from 'commander'
import { loadLibraryConfiguration } from '../configuration/load.ts'
import { administer } from '../pkcs11/administration/administer.ts'
import type { TokenDescription, TokenList } from '../pkcs11/administration/tokens.ts'
import { applyOptions } from './configuration.ts'
import { type Io, printResult } from './io.ts'
import { addModuleOptions, type ModuleOptions } from './options.ts'
import { formatTable, printable } from './table.ts'

const EXAMPLES = `
Needs HSM_MODULE or --module. Nobody is logged in.

Examples:
  signing-service tokens --module /opt/cloudhsm/lib/libcloudhsm_pkcs11.so
  signing-service tokens --json | jq -r '.tokens[].serial'
`

const HEADER = ['SLOT', 'LABEL', 'SERIAL', 'MANUFACTURER', 'MODEL', 'HARDWARE', 'FIRMWARE', 'STATE']

/** States of a token by the values of its flags, in the order of importance. */
const STATES: readonly [keyof TokenDescription, boolean, string][] = [
  ['initialized', false, 'not initialized'],
  ['userPinInitialized', false, 'no user PIN'],
  ['userPinLocked', true, 'USER PIN LOCKED'],
  ['userPinFinalTry', true, 'one try of the user PIN left'],
  ['userPinCountLow', true, 'a wrong user PIN was tried'],
  ['loginRequired', false, 'no login required'],
]

export function addTokensCommand(program: Command, io: Io): void {
  addModuleOptions(program.command('tokens'))
    .description('list the slots of the PKCS#11 library and the tokens in them')
    .addHelpText('after', EXAMPLES)
    .action(async (options: ModuleOptions) => {
      const library = loadLibraryConfiguration(applyOptions(io.environment, options))
      const list = await administer('tokens', [library], options.timeout * 1000)
      printResult(io, options, list, format(list))
    })
}

function format({ library, tokens }: TokenList): string {
  const { description, manufacturer, version, cryptoki } = library
  const name = printable(`${description} by ${manufacturer}`)
  const headline = `${name}, version ${formatVersion(version)}, PKCS#11 ${formatVersion(cryptoki)}\n\n`
  return (
    headline + (tokens.length === 0 ? 'No token is present.\n' : formatTable(HEADER, tokens.map(formatRow)))
  )
}

function formatRow(token: TokenList['tokens'][number]): string[] {
  if ('error' in token) {
    return [`${token.slot}`, ...HEADER.slice(2).map(() => ''), `cannot be read: ${token.error}`]
  }
  const states = STATES.filter(([flag, value]) => token[flag] === value).map(([, , text]) => text)
  return [
    ...[`${token.slot}`, token.label, token.serial, token.manufacturer, token.model],
    ...[formatVersion(token.hardware), formatVersion(token.firmware)],
    states.join(', ') || 'ready for login',
  ]
}

function formatVersion({ major, minor }: { major: number; minor: number }): string {
  return `${major}.${minor}`
}
