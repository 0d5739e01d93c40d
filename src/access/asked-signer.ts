import { SIGNER_NAME } from '../../schemas/signers-file.ts'
import type { Signers } from '../signers/signers.ts'

const NAME = new RegExp(`^${SIGNER_NAME}$`)

/**
 * Returns the fields of a request's log line that say which signer it names. An unknown name is logged only if it is
 * spelled like that of a signer: anything else could be a secret in the wrong place.
 */
export function describeAskedSigner(name: string, signers: Pick<Signers, 'has'>): Record<string, string> {
  if (signers.has(name)) {
    return { signer: name }
  }
  return NAME.test(name) ? { askedSigner: name } : {}
}
