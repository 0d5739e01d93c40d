import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

export interface DemoToken {
  /** The service's settings for this token, and SOFTHSM2_CONF for SoftHSM itself. */
  environment: Readonly<Record<string, string>>
  label: string
  /** Path of the demonstration root, PEM. */
  root: string
}

/**
 * Makes a SoftHSM token with a signing key generated on it, and certificates for that key, or keeps those that are
 * there: with the script that the development image runs at its start.
 *
 * @param folder is created; holds all of it
 * @param scripts the `docker` folder
 */
export async function createDemoToken(folder: string, scripts: string): Promise<DemoToken> {
  const settings = await setUp(join(scripts, 'softhsm/set-up.sh'), folder)
  const environment: Record<string, string> = {}
  for (const line of settings.trim().split('\n')) {
    const separator = line.indexOf('=')
    environment[line.slice(0, separator)] = line.slice(separator + 1)
  }
  const { HSM_TOKEN_LABEL: label, CA_CERTIFICATES_FILE: bundle } = environment
  if (label === undefined || bundle === undefined)
    throw new Error(`set-up.sh printed no settings: ${settings}`)
  return { environment, label, root: join(dirname(bundle), 'root.pem') }
}

/** The script's output; its words on failure become the error's message. */
async function setUp(script: string, folder: string): Promise<string> {
  try {
    return (await promisify(execFile)(script, [folder])).stdout
  } catch (cause) {
    const stderr = (cause as { stderr?: string }).stderr?.trim()
    throw new Error(stderr || String(cause), { cause })
  }
}
