/** Implements `signing-service serve`, which starts the service. */
import type { Command } from 'commander'
import { listVariables } from './configuration.ts'
import { type AccessOptions, addAccessOptions } from './options.ts'

const EXAMPLES = `
Configured by the environment and by options that come before it, which "check" takes and checks too. Runs until it is
told to end (SIGTERM, SIGINT), and takes changed signers over at once on SIGHUP.

Exit codes:
  0   ended when it was told to
  1   cannot listen, ended by a second signal, or by an unexpected error
  78  the configuration is wrong or incomplete

Examples:
  signing-service serve
  signing-service serve --token-label hsm1 --pin-file /run/secrets/hsm-pin
  SIGNERS_FILE=/etc/signing-service/signers.json signing-service serve
`

export function addServeCommand(program: Command): void {
  addAccessOptions(program.command('serve'))
    .description('start the service')
    .addHelpText('after', EXAMPLES)
    .action(async (options: AccessOptions) => {
      // Options become variables, since the service reads the environment at each reload. An empty one counts as unset
      for (const [name, value = ''] of Object.entries(listVariables(options))) {
        process.env[name] = value
      }
      await import('../server.ts')
    })
}
