/** Implements `signing-service audit`, which reads the audit log: `verify`, `show` and `find`. */
import type { Command } from 'commander'
import type { Io } from '../io.ts'
import { addFindCommand } from './find.ts'
import { addShowCommand } from './show.ts'
import { addVerifyCommand } from './verify.ts'

const EXAMPLES = `
FILE is a file of an audit log: the rotated ones, oldest first, then the one that AUDIT_FILE names. Reading takes the same
memory for files of any size, and needs neither a token nor any variable.

Examples:
  signing-service audit verify audit*.jsonl --certificate signer.pem
  signing-service audit show --outcome refused --since 2026-11-01 audit.jsonl
  signing-service audit find --pdf contract.pdf audit*.jsonl
`

export function addAuditCommand(program: Command, io: Io): void {
  const command = program
    .command('audit')
    .description('verify and search the audit log')
    .addHelpText('after', EXAMPLES)
  addVerifyCommand(command, io)
  addShowCommand(command, io)
  addFindCommand(command, io)
}
