import { isDeepStrictEqual } from 'node:util'
import { describeValue } from '../../common/quote.ts'
import type { TokenAccess } from '../../configuration/signer-configuration.ts'
import { listTokens } from '../../configuration/token-access.ts'
import { misconfigured } from './open-error.ts'

/**
 * Refuses to load a library, or to tell a PIN, that the configuration does not name. Who has broken into the HTTP process
 * could name a library of his own. The configuration is the one that the parent was started with; a signers file is read anew.
 *
 * @throws OpenError
 */
export function checkConfigured(access: TokenAccess): void {
  if (!listTokens().some((configured) => isDeepStrictEqual(configured, access))) {
    const wrong =
      `is not, with this token and PIN, in the configuration that user ${process.geteuid?.()} reads: ` +
      'the user of HSM_USER must be able to read SIGNERS_FILE, whose changes SIGHUP takes over; where a reload was refused, ' +
      'correct that file'
    throw misconfigured('module', describeValue(access.module, wrong), 'the configuration has no such token')
  }
}
