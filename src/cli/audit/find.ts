/** Implements `signing-service audit find`, which finds the records of the signatures in a PDF. */
import type { Command } from 'commander'
import {
  type FoundSignature,
  isRecorded,
  type MatchingRecord,
  SignatureFinder,
} from '../../audit/find-signature.ts'
import { readPdfSignatures } from '../../audit/pdf-signatures.ts'
import { CommandFailed, type Io, printResult } from '../io.ts'
import { printable } from '../table.ts'
import { reading, readRecords } from './records.ts'

const EXAMPLES = `
Finds the record of each signature by the SHA-256 of the signature, or by the digest of what was signed where a record has
no signature. It does not verify signatures, which every reader of PDFs does, nor the log, which "verify" does. It fails if a
signature has no record, or if the bytes that it covers are not those that were signed.

Examples:
  signing-service audit find --pdf contract.pdf audit*.jsonl
  signing-service audit find --pdf contract.pdf audit.jsonl --json | jq -r '.signatures[].records[].record.subject'
`

interface FindOptions {
  readonly pdf: string
  readonly json?: boolean
}

export function addFindCommand(command: Command, io: Io): void {
  command
    .command('find')
    .argument('<file...>', 'files of the log')
    .description('find who had the signatures in a PDF made')
    .requiredOption('--pdf <file>', 'the signed PDF')
    .option('--json', 'print JSON, for machines')
    .addHelpText('after', EXAMPLES)
    .action((files: string[], options: FindOptions) => reading(() => find(io, files, options)))
}

async function find(io: Io, files: readonly string[], { pdf, ...options }: FindOptions): Promise<void> {
  const { signatures, unreadable } = await readPdfSignatures(pdf)
  const finder = new SignatureFinder(signatures)
  for await (const placed of readRecords(files)) {
    finder.add(placed)
  }
  const found = finder.found.map((one) => ({ ...one, recorded: isRecorded(one) }))
  const isSigned = signatures.length + unreadable.length > 0
  const recorded = isSigned && unreadable.length === 0 && found.every((one) => one.recorded)
  const text = [
    ...(isSigned ? [] : ['There is no signature in the PDF.']),
    ...unreadable.map(({ offset, wrong }) => `What looks like a signature at offset ${offset} ${wrong}.`),
    ...found.flatMap(describeFound),
  ]
  printResult(
    io,
    options,
    { recorded, signatures: found, unreadable },
    text.map((line) => `${printable(line)}\n`).join(''),
  )
  if (!recorded) {
    throw new CommandFailed('')
  }
}

function describeFound(found: FoundSignature, index: number, all: readonly FoundSignature[]): string[] {
  const { signature, intact, records, more } = found
  const { byteRange, kind, signatureSha256 } = signature
  const title = `Signature ${index + 1} of ${all.length}, ByteRange ${byteRange.join(' ')}, SHA-256 ${signatureSha256}:`
  const changed = intact
    ? []
    : [
        `  THE DOCUMENT WAS CHANGED: the bytes that it covers are not those that were ${kind === 'timestamp' ? 'timestamped' : 'signed'}.`,
      ]
  if (kind === 'timestamp') {
    return [
      title,
      ...changed,
      '  is a timestamp of the document by an authority, of which there is no record.',
    ]
  }
  const own = records.some(({ by }) => by !== 'digest alone')
  return [
    title,
    ...changed,
    ...(own ? [] : ['  HAS NO RECORD.']),
    ...records.map(describeRecord),
    ...(more === 0 ? [] : [`  and ${more} more records.`]),
  ]
}

function describeRecord({ record, file, line, by }: MatchingRecord): string {
  const { number, time, outcome, subject = 'a caller without a name', address, signer, requestId } = record
  const what = by === 'digest alone' ? 'another signature over the same contents' : 'it'
  const bySigner = signer === undefined ? '' : `, by the signer ${signer}`
  return (
    `  ${what} was ${outcome} at ${time} for ${subject} at ${address}${bySigner}: record ${number}, ` +
    `request ${requestId} (${file}, line ${line}).`
  )
}
