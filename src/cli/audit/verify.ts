/** Implements `signing-service audit verify`, which proves that an audit log is whole. */
import type { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { type LogReport, verifyLog } from '../../audit/verify-log.ts'
import { parseCertificates } from '../../x509/certificate-file.ts'
import { CommandFailed, type Io, printResult, useFile } from '../io.ts'
import { printable } from '../table.ts'
import { reading } from './records.ts'

const EXAMPLES = `
Every record has the SHA-256 of the line before it, and checkpoints are signed by a key in the HSM. The log is proven if no
record is wrong, the chain begins with record 1 and is closed by the end of the service, and all of it is under a signature
of a certificate that --certificate names, or above a line whose SHA-256 was noted elsewhere (--head). Without --certificate
the command says whose the signatures are, and that nobody vouches for them. Without --tsa-ca timestamps are verified, but
nobody vouches for their authorities. Revocation is not checked.

Exit codes: 0 proven, 1 not proven, 2 wrong usage.

Examples:
  signing-service audit verify audit*.jsonl --certificate signer.pem --tsa-ca tsa-root.pem
  signing-service audit verify audit.jsonl --certificate signer.pem --open-end      # the service runs
  signing-service audit verify audit-000000250001.jsonl --certificate signer.pem --open-start --open-end
`

interface VerifyOptions {
  readonly certificate?: string[]
  readonly tsaCa?: string[]
  readonly openStart?: boolean
  readonly openEnd?: boolean
  readonly head?: string[]
  readonly json?: boolean
}

export function addVerifyCommand(command: Command, io: Io): void {
  command
    .command('verify')
    .argument('<file...>', 'files of the log, oldest first')
    .description('prove that nothing was altered, removed or inserted')
    .option(
      '--certificate <file>',
      'certificates of signers, or of authorities above them, PEM or DER; can be repeated',
      collect,
    )
    .option(
      '--tsa-ca <file>',
      'roots of timestamp authorities, and what is below, PEM or DER; can be repeated',
      collect,
    )
    .option('--open-start', 'the files need not begin with record 1')
    .option('--open-end', 'the files need not end with the end of the service')
    .option('--head <sha256>', 'SHA-256 of a line that must be there; can be repeated', collectHead)
    .option('--json', 'print JSON, for machines')
    .addHelpText('after', EXAMPLES)
    .action((files: string[], options: VerifyOptions) => verify(io, files, options))
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

function collectHead(value: string, before: string[] = []): string[] {
  const head = value.toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(head)) {
    throw new InvalidArgumentError('It must be a SHA-256 in hex, 64 digits.')
  }
  return [...before, head]
}

async function verify(io: Io, files: readonly string[], options: VerifyOptions): Promise<void> {
  const { openStart = false, openEnd = false, head: heads = [] } = options
  const certificates = readAll(options.certificate)
  const timestampAnchors = readAll(options.tsaCa)
  const report = await reading(() =>
    verifyLog(files, { certificates, timestampAnchors, openStart, openEnd, heads }),
  )
  printResult(io, options, report, format(report))
  if (!report.proven) {
    throw new CommandFailed('')
  }
}

function readAll(files: readonly string[] = []): X509Certificate[] {
  return files.flatMap((file) => useFile(file, 'used', () => parseCertificates(readFileSync(file))))
}

function format(report: LogReport): string {
  const { wrong, missing, checkpoints, timestamps, provenTo, unproven, incompleteBytes } = report
  const lines = [
    ...(report.stream === undefined ? [] : [describeRecords(report)]),
    `Decisions: ${report.signed} signed, ${report.refused} refused.`,
    `Checkpoints: ${checkpoints.signed} signed, ${checkpoints.unsigned} not signed.`,
    ...checkpoints.signers.map(
      ({ subject, sha256, trusted, checkpoints }) =>
        `  ${checkpoints} by ${subject}, SHA-256 ${sha256}${trusted ? '' : ', for whom nobody vouches'}`,
    ),
    ...(checkpoints.otherSigners === 0 ? [] : [`  ${checkpoints.otherSigners} by others`]),
    ...(timestamps.count === 0 ? [] : [describeTimestamps(timestamps)]),
    ...describeLast(checkpoints.last),
    ...(provenTo === 0
      ? []
      : [
          `Proven up to record ${provenTo}. After it: ${unproven.records} records in ${unproven.seconds} seconds, which nothing proves yet.`,
        ]),
    ...(incompleteBytes === 0
      ? []
      : [`The last line is incomplete: ${incompleteBytes} bytes, which do not count.`]),
    ...(wrong === undefined
      ? []
      : [
          `Wrong is ${wrong.file}, line ${wrong.line}${wrong.number === undefined ? '' : `, in the place of record ${wrong.number}`}: it ${wrong.reason}.`,
        ]),
    ...missing.map((sentence) => `Missing: ${sentence}.`),
    report.proven ? 'PROVEN' : 'NOT PROVEN',
  ]
  return lines.map((line) => `${printable(line)}\n`).join('')
}

function describeRecords({ firstRecord, lastRecord, stream, from, to, kinds }: LogReport): string {
  const counts = Object.entries(kinds).map(([kind, count]) => `${kind} ${count}`)
  return `Records: ${firstRecord} to ${lastRecord} of the stream ${stream}, from ${from} to ${to} (${counts.join(', ')}).`
}

function describeTimestamps({ count, trusted, maxDistanceMs }: LogReport['timestamps']): string {
  const vouching = trusted ? '' : ', for whose authorities nobody vouches (--tsa-ca)'
  return `Timestamps: ${count}, at most ${maxDistanceMs / 1000} seconds from the time of their statements${vouching}.`
}

function describeLast(last: LogReport['checkpoints']['last']): string[] {
  if (last === undefined) {
    return []
  }
  const { number, records, time, timestamp } = last
  const stamped = timestamp === undefined ? '' : `, timestamped at ${timestamp}`
  return [
    `The last signed checkpoint is record ${number}: it covers up to record ${records}, at ${time}${stamped}.`,
  ]
}
