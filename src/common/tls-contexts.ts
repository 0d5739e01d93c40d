import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'

/** Certificates that are trusted, and the own certificate with its key: PEM. */
export type TlsMaterial = Pick<SecureContextOptions, 'ca' | 'cert' | 'key'>

/** Options of a request, for agents that keep connections with other contexts apart. */
export interface TlsOptions {
  readonly secureContext: SecureContext
  readonly contextName: string
}

/** The contexts of requests to a server that may see the own certificate, and to other servers. */
interface Contexts {
  readonly own: TlsOptions
  readonly others: TlsOptions
}

const known = new WeakMap<TlsMaterial, Contexts>()
let count = 0

/**
 * Returns what OpenSSL makes of certificates and key. It is made once for each object, since it takes up to 20 ms for all the
 * authorities that a system trusts.
 *
 * @throws Error of OpenSSL if it refuses them
 */
export function contextsFor(material: TlsMaterial): Contexts {
  const contexts = known.get(material) ?? {
    own: create(material),
    others: create(material.ca === undefined ? {} : { ca: material.ca }),
  }
  known.set(material, contexts)
  return contexts
}

function create(material: TlsMaterial): TlsOptions {
  count += 1
  return { secureContext: createSecureContext(material), contextName: `${count}` }
}

/** Returns the name by which an agent finds a kept connection, for the name that it has by its other options. */
export function withContextName(name: string, options: object | undefined): string {
  const { contextName = '' } = (options ?? {}) as Partial<TlsOptions>
  return `${name}:${contextName}`
}
