import { readFileSync } from 'node:fs'
import type { Configuration } from './configuration/configuration.ts'
import { zombieLimit } from './pkcs11/pool/session-timeouts.ts'
import { accessId } from './signers/token-pool.ts'

/** Files that are open beside connections and signer processes: the log, connections to authorities and responders, and what is read. */
const OTHERS = 128
/** Connections that are taken however few files are left, as the least that may be configured. */
const LEAST = 16

/**
 * Lowers the number of connections of a port to what the files leave that the process may have open. Without one that is free the
 * system closes each new connection at once, as long as the others stay, and no idle one would be closed in its place.
 */
export function fitOpenFiles(configuration: Configuration, files = maxOpenFiles()): Configuration {
  const { maxConnections, hsm, signers, admin, warnings } = configuration
  const tokens = new Set(signers.signers.map(({ access }) => accessId(access))).size
  const channels = tokens * (1 + hsm.sessions + zombieLimit(hsm.sessions))
  const ports = admin === undefined ? 1 : 2
  // After a reload the signer processes of before stay until they have ended
  const fitting = Math.max(LEAST, Math.floor((files - OTHERS - 2 * channels) / ports))
  if (OTHERS + channels > files) {
    const warning =
      `this process may have ${files} files open, and the ${hsm.sessions} of HSM_SESSIONS take ${channels}, so that nothing may ever be ` +
      'signed: raise the limit, as with LimitNOFILE of systemd or ulimits of Docker, or lower HSM_SESSIONS'
    return { ...configuration, maxConnections: LEAST, warnings: [...warnings, warning] }
  }
  if (fitting >= maxConnections) {
    return configuration
  }
  const warning =
    `this process may have ${files} files open, of which each connection is one: a port takes ${fitting} connections in place of the ` +
    `${maxConnections} of SIGNING_SERVICE_MAX_CONNECTIONS; raise the limit, as with LimitNOFILE of systemd or ulimits of Docker`
  return { ...configuration, maxConnections: fitting, warnings: [...warnings, warning] }
}

/**
 * Returns how many files this process may have open; infinity where the system does not tell, which Linux does.
 *
 * @param limits file in which it tells
 */
export function maxOpenFiles(limits = '/proc/self/limits'): number {
  try {
    const [, limit] = /^Max open files +(\d+)/m.exec(readFileSync(limits, 'latin1')) ?? []
    return Number(limit ?? Number.POSITIVE_INFINITY)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
