import type { ContainerConfiguration } from '../../src/configuration/container-configuration.ts'

/** What is configured where nothing is said about containers. */
export const DEFAULT_CONTAINER: ContainerConfiguration = {
  level: 'b-b',
  sizeLimit: 32_768,
  rsaSignatureIdentifier: 'rsaEncryption',
  revocationFallback: 'refuse',
}
