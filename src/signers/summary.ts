import { defined } from '../common/defined.ts'
import type { Configuration } from '../configuration/configuration.ts'
import { nameLevels } from '../configuration/european-names.ts'
import { accessId, describeTokens } from './token-pool.ts'

/** Summarizes the configuration for the first line of the log, without secrets. */
export function summarize(configuration: Configuration) {
  const { host, port, admin, tls, hsm } = configuration
  const { default: name, signers } = configuration.signers
  const tokens = [...new Map(signers.map((signer) => [accessId(signer.access), signer])).values()]
  const fields = describeTokens(tokens, signers)
  const hashAlgorithms = signers.flatMap(({ rules }) => rules.hashAlgorithms.map(({ name }) => name))
  return {
    host,
    port,
    ...defined({ admin }),
    tls: describeTls(tls),
    /** Levels of the containers, keyed by signer. */
    signers: Object.fromEntries(signers.map(({ name, container }) => [name, container.level])),
    /** European names of these levels. */
    levels: nameLevels(signers),
    defaultSigner: name,
    tokens: tokens.map(({ access: { module } }, place) => ({ ...fields[place], module })),
    /** Number of sessions with each token. */
    sessions: hsm.sessions,
    /** Hash algorithms that at least one signer allows. */
    hashAlgorithms: [...new Set(hashAlgorithms)],
  }
}

function describeTls(tls: Configuration['tls']): 'off' | 'on' | 'mutual' {
  if (tls === undefined) {
    return 'off'
  }
  return tls.clients === undefined ? 'on' : 'mutual'
}
