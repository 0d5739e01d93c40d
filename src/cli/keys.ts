/** Implements `signing-service keys`, which lists the private keys on a token. */
import type { Command } from 'commander'
import { administer } from '../pkcs11/administration/administer.ts'
import type { KeyDescription } from '../pkcs11/administration/keys.ts'
import type { Io } from './io.ts'
import { formatTable, yesNo } from './table.ts'
import { addTokenOptions, findAccess, type TokenOptions } from './token-options.ts'

const EXAMPLES = `
Needs HSM_MODULE and the PIN, for which a person is asked if it is not configured. An attribute that the token does not
show is "unknown", or null in JSON. LOCAL says whether the key was generated on the token. FINGERPRINT is the SHA-256 of
the public key (SubjectPublicKeyInfo), which "openssl pkey -pubin -in FILE -outform DER | openssl sha256" prints for a
file.

Examples:
  signing-service keys
  signing-service keys --token-label hsm1 --pin-file /run/secrets/hsm-pin --json
`

const HEADER = [
  ...[
    'LABEL',
    'ID',
    'TYPE',
    'SENSITIVE',
    'EXTRACTABLE',
    'LOCAL',
    'SIGN',
    'PIN EACH TIME',
    'PUBLIC KEY',
    'CERTIFICATE',
  ],
  'FINGERPRINT',
]

export function addKeysCommand(program: Command, io: Io): void {
  addTokenOptions(program.command('keys'))
    .description('list the private keys of the token')
    .addHelpText('after', EXAMPLES)
    .action(async (options: TokenOptions) => {
      const access = await findAccess(io, options)
      const keys = await administer('keys', [access], options.timeout * 1000)
      io.output.write(options.json ? `${JSON.stringify(keys, null, 2)}\n` : format(keys))
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
export function describeType({ type, bits, curve }: KeyDescription): string {
  return [type ?? 'unknown', bits ?? curve ?? ''].join(' ').trim()
}
