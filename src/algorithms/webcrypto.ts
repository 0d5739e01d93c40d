import { createRequire } from 'node:module'

/**
 * Loads the CommonJS build of @peculiar/webcrypto: the package does not mark its ES build as one, and only the newest
 * module loaders detect that by themselves.
 */
export const { Crypto, CryptoKey } = createRequire(import.meta.url)(
  '@peculiar/webcrypto',
) as typeof import('@peculiar/webcrypto')
