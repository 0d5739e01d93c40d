import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execFileAsync = promisify(execFile)

export interface DemoToken {
  /** The service's settings for this token, and SOFTHSM2_CONF for SoftHSM itself. */
  environment: Readonly<Record<string, string>>
  label: string
  /** Path of the demonstration root, PEM. */
  root: string
}

/** Runs one of the scripts that the development image runs too; its words on failure become the error's message. */
async function runScript(path: string, args: string[]): Promise<string> {
  try {
    return (await execFileAsync(path, args)).stdout
  } catch (cause) {
    const stderr = (cause as { stderr?: string }).stderr?.trim()
    throw new Error(stderr || String(cause), { cause })
  }
}

/**
 * Makes a SoftHSM token with a signing key generated on it, and certificates for that key, or keeps those that are
 * there.
 *
 * @param folder is created; holds all of it
 * @param scripts the `docker` folder
 */
export async function createDemoToken(folder: string, scripts: string): Promise<DemoToken> {
  await mkdir(folder, { recursive: true })
  const token = join(folder, 'token-not-for-production')
  const certificates = join(folder, 'certificates-not-for-production')
  const publicKey = join(token, 'public-key.pem')
  const pinFile = join(folder, 'pin-not-for-production')

  const settings = await runScript(join(scripts, 'softhsm/create-token.sh'), [token, '--pin-file', pinFile])
  const environment: Record<string, string> = {}
  for (const line of settings.trim().split('\n')) {
    const separator = line.indexOf('=')
    environment[line.slice(0, separator)] = line.slice(separator + 1)
  }
  await runScript(join(scripts, 'softhsm/generate-key.sh'), [
    token,
    '--pin-file',
    pinFile,
    '--public-key',
    publicKey,
  ])
  await runScript(join(scripts, 'softhsm/certificates.sh'), [certificates, '--public-key', publicKey])
  return {
    environment: {
      ...environment,
      SIGNER_CERTIFICATE_FILE: join(certificates, 'leaf.pem'),
      CA_CERTIFICATES_FILE: join(certificates, 'ca-bundle.pem'),
    },
    label: environment.HSM_TOKEN_LABEL ?? '',
    root: join(certificates, 'root.pem'),
  }
}
