/** `signing-service serve`: the service itself. */
import type { Command } from 'commander'

const EXAMPLES = `
Configured by the environment alone, which "check" checks. Runs until it is told to end (SIGTERM, SIGINT), and takes
changed signers over at once on SIGHUP.

Exit codes:
  0   ended when it was told to
  1   cannot listen, ended by a second signal, or by an unexpected error
  78  the configuration is wrong or incomplete

Examples:
  signing-service serve
  SIGNERS_FILE=/etc/signing-service/signers.json signing-service serve
`

export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description('start the service')
    .addHelpText('after', EXAMPLES)
    .action(async () => {
      await import('../server.ts')
    })
}
