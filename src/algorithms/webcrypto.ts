import { createRequire } from 'node:module'

/**
 * @peculiar/webcrypto through its CommonJS build: the package does not mark its ES build as one, and only the newest
 * module loaders find that out by themselves.
 */
export const { Crypto, CryptoKey } = createRequire(import.meta.url)(
  '@peculiar/webcrypto',
) as typeof import('@peculiar/webcrypto')
