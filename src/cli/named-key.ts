/**
 * Implements what the command does with one private key that a person has named: its public key, evidence about it, and
 * `signing-service delete-key`.
 */
import { createPublicKey } from 'node:crypto'
import { type Command, InvalidArgumentError } from 'commander'
import { encodePem } from '../asn1/pem.ts'
import { defined } from '../common/defined.ts'
import { administer } from '../pkcs11/administration/administer.ts'
import type { KeySelection } from '../pkcs11/administration/find-key.ts'
import { findAccess } from './configuration.ts'
import { CommandFailed, EXIT_USAGE, type Io, printResult } from './io.ts'
import {
  addDeletionOptions,
  type DeletionOptions,
  type KeyOptions,
  parseFingerprint,
  parseId,
} from './options.ts'
import { confirmDeletion } from './prompts.ts'
import { readCertificates } from './read-certificates.ts'
import { printable } from './table.ts'

export interface NamedKeyOptions extends KeyOptions {
  readonly fingerprint?: string
}

/** Returns whether the options name a key. */
export function namesKey({ label, id, fingerprint }: NamedKeyOptions): boolean {
  return label !== undefined || id !== undefined || fingerprint !== undefined
}

function selectionOf({ label, id, fingerprint }: NamedKeyOptions): KeySelection {
  return defined({ label, id, fingerprint })
}

/** Prints the public key of a private key as PEM. */
export async function printPublicKey(io: Io, options: NamedKeyOptions): Promise<void> {
  const access = await findAccess(io, options)
  const found = await administer('find-key', [access, selectionOf(options)], options.timeout * 1000)
  if (found.publicKey === undefined) {
    throw new CommandFailed('the token does not show the public half of this key')
  }
  io.output.write(exportPublicKey(found.publicKey))
}

/** @param der SubjectPublicKeyInfo */
function exportPublicKey(der: Uint8Array): string | Buffer {
  return createPublicKey({ key: Buffer.from(der), type: 'spki', format: 'der' }).export({
    type: 'spki',
    format: 'pem',
  })
}

/**
 * Parses a nonce.
 *
 * @throws InvalidArgumentError
 */
export function parseNonce(value: string): string {
  if (!/^([0-9a-f]{2}){16,64}$/i.test(value)) {
    throw new InvalidArgumentError('It must be 16 to 64 octets in hex, two digits each.')
  }
  return value.toLowerCase()
}

/** Prints evidence about a private key, in one JSON document. */
export async function printEvidence(
  io: Io,
  options: NamedKeyOptions & { readonly certificate?: string },
  nonce: string,
): Promise<void> {
  const { certificate: file } = options
  const [certificate] = file === undefined ? [] : readCertificates(file)
  const access = await findAccess(io, options)
  const request = {
    key: selectionOf(options),
    nonce,
    ...(certificate && { certificate: certificate.raw }),
  }
  const evidence = await administer('evidence', [access, request], options.timeout * 1000)
  const { statement, algorithm, signature, publicKey, certificates } = evidence
  const document = {
    statement,
    algorithm: `${algorithm} with SHA-256`,
    signature: Buffer.from(signature).toString('base64'),
    publicKey: exportPublicKey(publicKey),
    certificates: certificates.map((raw) => encodePem('CERTIFICATE', Buffer.from(raw))),
  }
  printResult(io, { json: true }, document, '')
}

const DELETE_EXAMPLES = `
The key is named by --label, --id or --fingerprint, of which all that are given must fit exactly one key. It is shown before it
is deleted, and a person at the terminal types its label, its id where it has no label, or else its fingerprint; --confirm
gives it without a terminal. The public key objects that belong to it go with it. Its certificates stay: "delete-cert" deletes
them. Nothing brings a deleted key back but a backup of the HSM.

Examples:
  signing-service delete-key --label former
  signing-service delete-key --id 01a2 --confirm former
`

type DeleteKeyOptions = NamedKeyOptions & DeletionOptions

export function addDeleteKeyCommand(program: Command, io: Io): void {
  addDeletionOptions(program.command('delete-key'))
    .description('delete a key pair from the token')
    .option('--label <label>', 'CKA_LABEL of the key')
    .option('--id <hex>', 'CKA_ID of the key', parseId)
    .option('--fingerprint <sha256>', 'SHA-256 of its public key, hex', parseFingerprint)
    .addHelpText('after', DELETE_EXAMPLES)
    .action((options: DeleteKeyOptions) => deleteKey(io, options))
}

async function deleteKey(io: Io, options: DeleteKeyOptions): Promise<void> {
  if (!namesKey(options)) {
    throw new CommandFailed('name the key by --label, --id or --fingerprint', EXIT_USAGE)
  }
  const limitMs = options.timeout * 1000
  const access = await findAccess(io, options)
  const planned = await administer('plan-deletion', [access, selectionOf(options)], limitMs)
  const { label, id, fingerprint, type, bits, curve } = planned.key
  const what =
    `The private key with label ${label ?? 'unknown'} and id ${id ?? 'unknown'} (${[type, bits ?? curve].join(' ')}), ` +
    `fingerprint ${fingerprint ?? 'unknown'}.`
  const left =
    planned.certificates > 0 ? ` ${planned.certificates} of its certificates stay on the token.` : ''
  io.errors.write(`${printable(what)}${left}\nNothing but a backup of the HSM brings it back.\n`)
  const name = await confirmDeletion(io, planned.key, options.confirm)
  // The very key that was shown, whatever has changed meanwhile
  const selection = { ...selectionOf(options), ...defined({ fingerprint: fingerprint ?? undefined }) }
  const deleted = await administer('delete-key', [access, selection], limitMs)
  printResult(io, options, deleted, `deleted ${printable(name)}\n`)
}
