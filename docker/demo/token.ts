import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { CertificateSources } from './certificates.ts'

export interface DemoToken {
  /** The service's settings for this token, and SOFTHSM2_CONF for SoftHSM itself. */
  environment: Readonly<Record<string, string>>
  label: string
  /** Paths of PEM files: the public halves of its keys, and the demonstration root. */
  sources: CertificateSources
}

/**
 * Makes a SoftHSM token with two signing keys generated on it, and a root certificate, or keeps those that are there:
 * with the scripts that the development image runs at its start.
 *
 * @param folder is created; holds all of it
 * @param scripts the `docker` folder
 */
export async function createDemoToken(folder: string, scripts: string): Promise<DemoToken> {
  const printed = await runScript(join(scripts, 'softhsm/set-up.sh'), [folder])
  const environment: Record<string, string> = {}
  for (const line of printed.trim().split('\n')) {
    const separator = line.indexOf('=')
    environment[line.slice(0, separator)] = line.slice(separator + 1)
  }
  const { SIGNER_CERTIFICATE_FILE: leaf, CA_CERTIFICATES_FILE: bundle, ...settings } = environment
  const { HSM_TOKEN_LABEL: label, HSM_PIN_FILE: pinFile, SOFTHSM2_CONF: conf } = settings
  if (!label || !bundle || !leaf || !pinFile || !conf)
    throw new Error(`set-up.sh printed too little: ${printed}`)
  const token = dirname(conf)
  const publicKeys = { rsa: join(token, 'public-key.pem'), p256: join(token, 'public-key-p256.pem') }
  // It takes a second to look at the token.
  if (!existsSync(publicKeys.p256)) {
    const key = ['--curve', 'secp256r1', '--key-id', 'de31', '--key-label', 'DEMO P-256 NOT FOR PRODUCTION']
    const options = [...key, '--pin-file', pinFile, '--public-key', publicKeys.p256]
    await runScript(join(scripts, 'softhsm/generate-key.sh'), [token, ...options])
  }
  const certificates = dirname(bundle)
  const root = { certificateFile: join(certificates, 'root.pem'), keyFile: join(certificates, 'root.key') }
  return { environment: settings, label, sources: { publicKeys, root } }
}

/** The script's output; its words on failure become the error's message. */
async function runScript(script: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(script, args)).stdout
  } catch (cause) {
    const stderr = (cause as { stderr?: string }).stderr?.trim()
    throw new Error(stderr || String(cause), { cause })
  }
}
