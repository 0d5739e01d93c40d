/** Options that several of the commands have which sign. */
import { InvalidArgumentError, Option } from 'commander'
import { EXTENDED_KEY_USAGES } from '../../certification/extensions.ts'
import {
  DEFAULT_HASH_ALGORITHM,
  findHashAlgorithm,
  type HashAlgorithm,
} from '../../signature/hash-algorithms.ts'

const HASHES = ['sha256', 'sha384', 'sha512']

export function hashOption(): Option {
  return new Option('--hash <name>', 'hash algorithm').choices(HASHES).default(DEFAULT_HASH_ALGORITHM)
}

/** @param name one of the option's choices */
export function hashOf({ hash }: { readonly hash: string }): HashAlgorithm {
  return findHashAlgorithm(hash) as HashAlgorithm
}

export function keyUsageOption(): Option {
  return new Option('--eku <usage>', 'extended key usage')
    .choices(EXTENDED_KEY_USAGES)
    .default('document-signing')
}

/** Has commander report what a parser throws, with the name of the option and exit code 2. */
export function parsing<T>(parse: (value: string) => T): (value: string) => T {
  return (value) => {
    try {
      return parse(value)
    } catch (error) {
      throw new InvalidArgumentError(`${(error as Error).message}.`)
    }
  }
}

/** The same for an option that can be repeated. */
export function collecting<T>(parse: (value: string) => T): (value: string, collected?: T[]) => T[] {
  const parseOne = parsing(parse)
  return (value, collected = []) => [...collected, parseOne(value)]
}
