import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { describeValue } from '../../common/quote.ts'
import type { TokenAccess } from '../../configuration/signer-configuration.ts'
import { unavailable } from './open-error.ts'

/** Descriptor of stdin. `process.stdin` would have its reads fail where the parent has not written all yet. */
const STDIN = 0

/** The tokens that the parent, which has read the configuration, hands to each signer process that it starts. */
const configured: readonly TokenAccess[] = JSON.parse(readFileSync(STDIN, 'utf8'))

/**
 * Refuses to load a library, or to tell a PIN, that the configuration does not name. Who has broken into the HTTP process
 * could name a library of his own.
 *
 * @param access may have the label of the token that has signed beside what the configuration selects it by: a narrower choice among
 *   the same tokens
 * @throws OpenError
 */
export function checkConfigured(access: TokenAccess): void {
  const { label: _, ...token } = access.token
  const withoutLabel = { ...access, token }
  if (!configured.some((one) => isDeepStrictEqual(one, access) || isDeepStrictEqual(one, withoutLabel))) {
    const wrong =
      'is not, with this token and PIN, in the configuration that the parent has read since the start: the signers file has ' +
      'changed again meanwhile, and SIGHUP takes it over'
    throw unavailable(describeValue(access.module, wrong), 'the configuration has no such token')
  }
}
