import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { chooseSignatureAlgorithm } from '../algorithms/signature-algorithms.ts'
import { ENCRYPTED_KEY } from '../configuration/tls.ts'
import { CommandFailed, type Io, useFile } from './io.ts'
import type { CertifyingKey } from './issuing/issuing.ts'
import { askSecret } from './prompts.ts'

/** Permission bits of all users other than the owner. */
const OTHERS = 0o077

/**
 * Reads the key of a test authority from a file, and asks for its passphrase if it is encrypted.
 *
 * @param file path of a PEM file
 * @param hash hash algorithm of the signatures
 */
export async function readKeyFile(io: Io, file: string, hash: HashAlgorithm): Promise<CertifyingKey> {
  const pem = useFile(file, 'used', () => readSecret(file))
  const passphrase = ENCRYPTED_KEY.test(pem) ? await askPassphrase(io, file) : undefined
  const key = decode(file, pem, passphrase)
  const publicKey = createPublicKey(key)
  const algorithm = useFile(file, 'used', () => chooseSignatureAlgorithm(publicKey))
  if (!algorithm.hashes.includes(hash)) {
    const allowed = algorithm.hashes.map(({ name }) => name).join(', ')
    throw new CommandFailed(`${file} cannot be used: its key signs with ${allowed} alone (RFC 4055 3.3)`)
  }
  const mechanism = algorithm.mechanism(hash)
  const pss = 'saltLength' in mechanism ? { saltLength: mechanism.saltLength } : {}
  return {
    publicKey,
    algorithm,
    hash,
    sign: async (message) => sign(hash.nodeName, message, { key, ...pss }),
  }
}

function readSecret(file: string): string {
  const mode = statSync(file).mode & 0o777
  if ((mode & OTHERS) !== 0) {
    throw new Error(
      `others than its owner may do something with it (mode ${mode.toString(8)}), but the key of an authority is a ` +
        `secret: chmod 600 ${file}`,
    )
  }
  return readFileSync(file, 'latin1')
}

async function askPassphrase(io: Io, file: string): Promise<string> {
  if (!io.input.isTTY) {
    throw new CommandFailed(`${file} is encrypted, and there is no terminal to ask for its passphrase at`)
  }
  return askSecret(io, `Passphrase of ${file}: `, 'passphrase')
}

function decode(file: string, key: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) })
  } catch {
    // OpenSSL's message would not help
    const problem = passphrase === undefined ? 'it is no private key in PEM' : 'its passphrase is another one'
    throw new CommandFailed(`${file} cannot be used: ${problem}`)
  }
}
