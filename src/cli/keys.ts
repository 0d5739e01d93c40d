/** Implements `signing-service keys`, which lists the private keys on a token, and `keygen`, which generates a key pair. */
import { createPublicKey, randomBytes } from 'node:crypto'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { CURVE_NAMES } from '../algorithms/elliptic-curves.ts'
import { administer } from '../pkcs11/administration/administer.ts'
import type { KeyDescription } from '../pkcs11/administration/keys.ts'
import { findAccess } from './configuration.ts'
import { CommandFailed, checkNewFile, EXIT_USAGE, type Io, printResult, writeNewFile } from './io.ts'
import { type NamedKeyOptions, namesKey, parseNonce, printEvidence, printPublicKey } from './named-key.ts'
import { addTokenOptions, parseFingerprint, parseId, parseInteger, type TokenOptions } from './options.ts'
import { formatTable, yesNo } from './table.ts'

const KEYS_EXAMPLES = `
Needs HSM_MODULE and the PIN, for which a person is asked if it is not configured. An attribute that the token does not
show is "unknown", or null in JSON. LOCAL says whether the key was generated on the token. FINGERPRINT is the SHA-256 of
the public key (SubjectPublicKeyInfo), which "openssl pkey -pubin -in FILE -outform DER | openssl sha256" prints for a
file.

With --public-key or --evidence it is about one key, which --label, --id and --fingerprint name; without them it is the only
key of the token. NONCE is 16 to 64 octets in hex that whoever asks for the evidence has chosen. The evidence is JSON: a
statement with what the PKCS#11 library says of itself, the token and the key, signed by the key over the nonce, the
public key and the certificates. docs/evidence.md says how it is verified, and what it does not prove.

Examples:
  signing-service keys
  signing-service keys --token-label hsm1 --pin-file /run/secrets/hsm-pin --json
  signing-service keys --public-key --label signer
  signing-service keys --evidence "$(openssl rand -hex 32)" --label signer --certificate signer.pem
`

interface KeysOptions extends NamedKeyOptions {
  readonly publicKey?: boolean
  readonly evidence?: string
  readonly certificate?: string
}

const HEADER = [
  ...['LABEL', 'ID', 'TYPE', 'SENSITIVE', 'EXTRACTABLE', 'LOCAL', 'SIGN', 'PIN EACH TIME', 'PUBLIC KEY'],
  ...['CERTIFICATE', 'FINGERPRINT'],
]

export function addKeysCommand(program: Command, io: Io): void {
  addTokenOptions(program.command('keys'))
    .description('list the private keys of the token')
    .addOption(
      new Option('--public-key', 'print the public key of one key (PEM, SubjectPublicKeyInfo)').conflicts(
        'json',
      ),
    )
    .addOption(
      new Option('--evidence <nonce>', 'print evidence about one key, signed by it (JSON)')
        .argParser(parseNonce)
        .conflicts('publicKey'),
    )
    .option('--certificate <file>', 'with --evidence, the certificate of the key, PEM or DER')
    .option('--label <label>', 'CKA_LABEL of the key')
    .option('--id <hex>', 'CKA_ID of the key', parseId)
    .option('--fingerprint <sha256>', 'SHA-256 of its public key, hex', parseFingerprint)
    .addHelpText('after', KEYS_EXAMPLES)
    .action(async (options: KeysOptions) => {
      if (options.evidence !== undefined) {
        return printEvidence(io, options, options.evidence)
      }
      if (options.certificate !== undefined) {
        throw new CommandFailed('--certificate goes with --evidence', EXIT_USAGE)
      }
      if (options.publicKey === true) {
        return printPublicKey(io, options)
      }
      if (namesKey(options)) {
        throw new CommandFailed(
          '--label, --id and --fingerprint go with --public-key and --evidence',
          EXIT_USAGE,
        )
      }
      const access = await findAccess(io, options)
      const keys = await administer('keys', [access], options.timeout * 1000)
      printResult(io, options, keys, format(keys))
    })
}

function format(keys: readonly KeyDescription[]): string {
  return keys.length === 0
    ? 'There are no private keys that this user can see.\n'
    : formatTable(HEADER, keys.map(formatRow))
}

function formatRow(key: KeyDescription): string[] {
  return [
    ...[key.label ?? 'unknown', key.id ?? 'unknown', describeType(key)],
    ...[key.sensitive, key.extractable, key.local, key.sign, key.alwaysAuthenticate].map(yesNo),
    ...[key.publicKeyObject, key.certificateObject].map(yesNo),
    key.fingerprint ?? 'unknown',
  ]
}

/** Returns the type of a key with its size or curve, such as `RSA 2048` or `EC P-256`. */
function describeType({ type, bits, curve }: KeyDescription): string {
  return [type ?? 'unknown', bits ?? curve ?? ''].join(' ').trim()
}

const KEYGEN_EXAMPLES = `
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
    .requiredOption('--label <label>', 'CKA_LABEL of both halves', parseNewLabel)
    .option('--id <hex>', 'CKA_ID of both halves (default: a random one)', parseId)
    .option(
      '--bits <bits>',
      'RSA key of so many bits, 2048 to 4096',
      (value) => parseInteger(value, 2048, 4096),
      2048,
    )
    .addOption(
      new Option('--curve <name>', 'EC key instead of an RSA key').choices(CURVE_NAMES).conflicts('bits'),
    )
    .option('--public-key <file>', 'write the public key to a new file (PEM, SubjectPublicKeyInfo)')
    .addHelpText('after', KEYGEN_EXAMPLES)
    .action((options: KeygenOptions) => generate(io, options))
}

/** Refuses an empty label, as an unset variable of a script makes it: the service could not find the key by it. */
function parseNewLabel(value: string): string {
  if (value === '') {
    throw new InvalidArgumentError('It must not be empty.')
  }
  return value
}

async function generate(io: Io, options: KeygenOptions): Promise<void> {
  const {
    label,
    id = randomBytes(LENGTH_OF_RANDOM_ID).toString('hex'),
    bits,
    curve,
    publicKey: file,
  } = options
  checkNewFile(file, 'nothing was generated')
  const access = await findAccess(io, options)
  const mayShareLabel = options.id !== undefined
  const request = { label, id, mayShareLabel, kind: curve === undefined ? { bits } : { curve } }
  const { key, publicKey } = await administer('keygen', [access, request], options.timeout * 1000)
  const row = [label, id, describeType(key), `${key.fingerprint}`]
  printResult(io, options, key, formatTable(['LABEL', 'ID', 'TYPE', 'FINGERPRINT'], [row]))
  if (file !== undefined) {
    const der = { key: Buffer.from(publicKey), type: 'spki', format: 'der' } as const
    const pem = createPublicKey(der).export({ type: 'spki', format: 'pem' })
    writeNewFile(file, pem, 'the key was generated, but ')
  }
}
