/** Finds the PIN in the process that logs in. */
import { describeValue } from '../../common/quote.ts'
import { describeUnreadable, readPin } from '../../configuration/read-pin.ts'
import type { LocalPinSource, PinSource } from '../../configuration/signer-configuration.ts'
import { type Pin, pinVersion } from '../pin-version.ts'
import { misconfigured } from './open-error.ts'

/**
 * Reads the PIN, and which version of its source that is.
 *
 * @param given the PIN itself, if a variable or a person holds it
 * @throws OpenError when the PIN is not there, or not clearly one: a login with it would cost a try
 */
export async function findPin(
  source: PinSource,
  given: string | undefined,
  signal?: AbortSignal,
): Promise<Pin> {
  if ('secretId' in source) {
    // The SDK takes 20 MB and some tenths of a second to load, which nobody else shall pay for
    const { readPinOfSecret } = await import('./aws-secret.ts')
    return readPinOfSecret(source.secretId, signal)
  }
  // Before it is read: what changes meanwhile must not pass for a PIN that was tried
  const version = pinVersion(source)
  return { pin: await readLocalPin(source, given), version }
}

async function readLocalPin(source: LocalPinSource, given: string | undefined): Promise<string> {
  try {
    return await readPin(source, given)
  } catch (error) {
    const failure = error as NodeJS.ErrnoException
    const wrong = failure.code === undefined ? failure.message : describeUnreadable(failure)
    // A file was there when the configuration was read: its path is no PIN in the wrong place
    const file = 'file' in source ? source.file : undefined
    throw misconfigured('pin', describeValue(file, wrong), 'the PIN cannot be read')
  }
}
