/** Options that several of the signing commands have. */
import { InvalidArgumentError, Option } from 'commander'
import {
  DEFAULT_HASH_ALGORITHM,
  findHashAlgorithm,
  type HashAlgorithm,
} from '../../algorithms/hash-algorithms.ts'
import { parseAlternativeName } from '../issuing/alternative-name.ts'
import { parseDistinguishedName } from '../issuing/distinguished-name.ts'
import { EXTENDED_KEY_USAGES } from '../issuing/extensions.ts'
import { parseId } from '../keygen.ts'

const HASHES = ['sha256', 'sha384', 'sha512']

export function hashOption(): Option {
  return new Option('--hash <name>', 'hash algorithm').choices(HASHES).default(DEFAULT_HASH_ALGORITHM)
}

/** Returns the hash algorithm of `hashOption`. */
export function readHash({ hash }: { readonly hash: string }): HashAlgorithm {
  return findHashAlgorithm(hash) as HashAlgorithm
}

export function keyUsageOption(): Option {
  return new Option('--eku <usage>', 'extended key usage')
    .choices(EXTENDED_KEY_USAGES)
    .default('document-signing')
}

/** @param what describes the subject, in a few words */
export function subjectOption(what: string): Option {
  return new Option('--subject <name>', `${what}, such as CN=Signer,O=Example,C=DE`).argParser(
    parsing(parseDistinguishedName),
  )
}

/** @param what describes the name, in a few words */
export function alternativeNameOption(what: string): Option {
  return new Option('--san <name>', `${what}: DNS:, email:, URI: or IP:; can be repeated`).argParser(
    collecting(parseAlternativeName),
  )
}

/** @param what describes the key, in a few words */
export function labelOption(what: string): Option {
  return new Option('--label <label>', `${what}, in place of HSM_KEY_LABEL and HSM_KEY_ID`)
}

/** Returns the option that names the key of `labelOption` by its id. */
export function idOption(): Option {
  return new Option('--id <hex>', 'the same by CKA_ID').argParser(parseId)
}

/** Wraps a parser so that commander reports its errors with the name of the option and exit code 2. */
export function parsing<T>(parse: (value: string) => T): (value: string) => T {
  return (value) => {
    try {
      return parse(value)
    } catch (error) {
      throw new InvalidArgumentError(`${(error as Error).message}.`)
    }
  }
}

/** Wraps a parser in the same way, for an option that can be repeated. */
function collecting<T>(parse: (value: string) => T): (value: string, collected?: T[]) => T[] {
  const parseOne = parsing(parse)
  return (value, collected = []) => [...collected, parseOne(value)]
}
