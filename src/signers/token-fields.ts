import type { SignerConfiguration, TokenAccess } from '../configuration/signer-configuration.ts'
import type { TokenFields } from '../errors.ts'
import { accessId, nameTokens } from './token-pool.ts'

/**
 * Returns the fields of log lines about tokens.
 *
 * @param tokens each token once, in the order of the configuration
 * @param signers all signers of the configuration
 * @returns the fields, in the order of the tokens
 */
export function describeTokens(
  tokens: readonly { readonly access: TokenAccess }[],
  signers: readonly Pick<SignerConfiguration, 'name' | 'access'>[],
): TokenFields[] {
  const served = new Map<string, string[]>()
  for (const { name, access } of signers) {
    const names = served.get(accessId(access))
    if (names === undefined) {
      served.set(accessId(access), [name])
    } else {
      names.push(name)
    }
  }
  return [...nameTokens(tokens)].map(([token, { access }]) => {
    const { pin } = access
    return {
      token,
      signers: served.get(accessId(access)) as string[],
      pinFile: 'file' in pin ? pin.file : pin.variable,
    }
  })
}
