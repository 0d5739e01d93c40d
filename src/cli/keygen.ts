/** Implements `signing-service keygen`, which generates a key pair on the token. */
import { createPublicKey, randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { CURVE_NAMES } from '../algorithms/elliptic-curves.ts'
import { administer } from '../pkcs11/administration/administer.ts'
import { CommandFailed } from './exit-codes.ts'
import type { Io } from './io.ts'
import { describeType } from './keys.ts'
import { formatTable } from './table.ts'
import { addTokenOptions, findAccess, parseInteger, type TokenOptions } from './token-options.ts'

const EXAMPLES = `
The private key is sensitive, cannot be extracted, and may only sign; that cannot be changed afterwards. An EC key
(--curve) signs whole containers; the raw signatures from which Document Engine builds containers itself need an RSA
key. An --id that a private key already has is refused, and so is such a --label, unless --id is given too. A
certificate authority needs the public key in a request that the key itself has signed, which "csr" makes. Slow tokens
need a longer --timeout: after a timeout the token may have made the key all the same.

Examples:
  signing-service keygen --label signer
  signing-service keygen --label signer --id 01a2 --bits 3072 --public-key signer.pub.pem
  signing-service keygen --label letters --curve P-256
`

const LENGTH_OF_RANDOM_ID = 8

interface KeygenOptions extends TokenOptions {
  readonly label: string
  readonly id?: string
  readonly bits: number
  readonly curve?: string
  readonly publicKey?: string
}

export function addKeygenCommand(program: Command, io: Io): void {
  addTokenOptions(program.command('keygen'))
    .description('generate a key pair on the token')
    .requiredOption('--label <label>', 'CKA_LABEL of both halves')
    .addOption(new Option('--id <hex>', 'CKA_ID of both halves (default: a random one)').argParser(parseId))
    .addOption(
      new Option('--bits <bits>', 'RSA key of so many bits, 2048 to 4096')
        .default(2048)
        .argParser((value) => parseInteger(value, 2048, 4096)),
    )
    .addOption(
      new Option('--curve <name>', 'EC key instead of an RSA key').choices(CURVE_NAMES).conflicts('bits'),
    )
    .option('--public-key <file>', 'write the public key to a new file (PEM, SubjectPublicKeyInfo)')
    .addHelpText('after', EXAMPLES)
    .action((options: KeygenOptions) => generate(io, options))
}

/**
 * Parses a CKA_ID in hex.
 *
 * @throws InvalidArgumentError, which commander reports with the name of the option
 */
export function parseId(value: string): string {
  if (!/^([0-9a-f]{2})+$/i.test(value)) {
    throw new InvalidArgumentError('It must be hexadecimal, two digits a byte.')
  }
  return value.toLowerCase()
}

async function generate(io: Io, options: KeygenOptions): Promise<void> {
  const {
    label,
    id = randomBytes(LENGTH_OF_RANDOM_ID).toString('hex'),
    bits,
    curve,
    publicKey: file,
  } = options
  if (file !== undefined && existsSync(file)) {
    throw new CommandFailed(`${file} is there already; nothing was generated`)
  }
  const access = await findAccess(io, options)
  const mayShareLabel = options.id !== undefined
  const request = { label, id, mayShareLabel, kind: curve === undefined ? { bits } : { curve } }
  const { key, publicKey } = await administer('keygen', [access, request], options.timeout * 1000)
  io.output.write(
    options.json
      ? `${JSON.stringify(key, null, 2)}\n`
      : formatTable(
          ['LABEL', 'ID', 'TYPE', 'FINGERPRINT'],
          [[label, id, describeType(key), `${key.fingerprint}`]],
        ),
  )
  if (file !== undefined) {
    writePublicKey(file, Buffer.from(publicKey))
  }
}

/** Writes the public key. An error says that the key was generated all the same. */
function writePublicKey(file: string, key: Buffer): void {
  const pem = createPublicKey({ key, type: 'spki', format: 'der' }).export({ type: 'spki', format: 'pem' })
  try {
    writeFileSync(file, pem, { flag: 'wx' })
  } catch (error) {
    throw new CommandFailed(
      `the key was generated, but ${file} cannot be written: ${(error as Error).message}`,
    )
  }
}
