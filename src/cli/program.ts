import { Command } from 'commander'
import { VERSION } from '../common/version.ts'
import { addAuditCommand } from './audit/audit.ts'
import { addCertifyCommand } from './certify.ts'
import { addCertsCommand, addDeleteCertCommand, addImportCertCommand } from './certs.ts'
import { addCheckCommand } from './check.ts'
import { addCsrCommand } from './csr.ts'
import type { Io } from './io.ts'
import { addKeygenCommand, addKeysCommand } from './keys.ts'
import { addDeleteKeyCommand } from './named-key.ts'
import { addServeCommand } from './serve.ts'
import { addSignCommand } from './sign.ts'
import { addTokensCommand } from './tokens.ts'
import { addUserCommand } from './user.ts'

const DESCRIPTION =
  'Sets up and checks the tokens that the signing service signs with, and starts it. Configured by the same environment variables as ' +
  'the service; options come before them. Results go to stdout, messages to stderr. The PIN is never an argument.'

const EXIT_CODES = `
Exit codes:
  0   done; of "check": no step failed; of "audit verify": proven
  1   failed; of "audit verify": not proven
  2   wrong usage
  78  the configuration is wrong or incomplete
"check --sign" is for monitoring systems: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, which wrong usage is too.
`

/** Builds the command with all its subcommands, which throw on wrong usage. */
export function buildProgram(io: Io): Command {
  const program = new Command('signing-service')
    .description(DESCRIPTION)
    .version(VERSION)
    .addHelpText('after', EXIT_CODES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.output.write(text),
      writeErr: (text) => io.errors.write(text),
    })
  addTokensCommand(program, io)
  addKeysCommand(program, io)
  addKeygenCommand(program, io)
  addDeleteKeyCommand(program, io)
  addImportCertCommand(program, io)
  addCertsCommand(program, io)
  addDeleteCertCommand(program, io)
  addCsrCommand(program, io)
  addCertifyCommand(program, io)
  addSignCommand(program, io)
  addUserCommand(program, io)
  addAuditCommand(program, io)
  addCheckCommand(program, io)
  addServeCommand(program)
  return program
}
