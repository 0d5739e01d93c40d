import { type Configuration, isPinConfigured, loadConfiguration } from '../../config.ts'
import { askPin } from '../ask-pin.ts'
import type { Io } from '../io.ts'
import { applyOptions, type TokenOptions } from '../token-options.ts'

export interface KeyOptions extends TokenOptions {
  readonly label?: string
  /** CKA_ID in hex. */
  readonly id?: string
}

/**
 * The configuration of the service, for one signature. Asks for the PIN where none is configured, and leaves the
 * answer where the signer process looks for it: in the environment that it gets from this process.
 *
 * @throws ConfigurationError, also where there is nobody to ask
 */
export async function loadForSigning(io: Io, options: TokenOptions): Promise<Configuration> {
  const environment = { ...applyOptions(io.environment, options), HSM_SESSIONS: '1' }
  if (isPinConfigured(environment)) {
    return loadConfiguration(environment)
  }
  const configuration = loadConfiguration({ ...environment, HSM_PIN: 'asked for' })
  process.env.HSM_PIN = await askPin(io)
  return configuration
}

/** For a key that has no certificate yet: what the environment says beside the HSM is of another, or not yet right. */
export function loadForCertification(io: Io, { label, id, ...options }: KeyOptions): Promise<Configuration> {
  const ofHsm = Object.entries(io.environment).filter(([name]) => name.startsWith('HSM_'))
  const environment = Object.fromEntries(ofHsm)
  // One of them names a key: what the environment says of another key must not be demanded as well
  if (label !== undefined || id !== undefined) {
    Object.assign(environment, { HSM_KEY_LABEL: label, HSM_KEY_ID: id })
  }
  return loadForSigning({ ...io, environment }, options)
}
