/** Tokens of softokn, NSS's PKCS#11 library: each is a database of its own in a folder. */
import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repositoryPath } from './repository.ts'
import { PIN, type Token } from './token.ts'
import { certutil } from './validators/nss.ts'

/** Path of the library; undefined where it is not installed. */
export function findSoftokn(): string | undefined {
  const { status, stdout } = spawnSync(repositoryPath('docker/softokn-module-path.sh'), { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/**
 * Makes a token in `directory`. That of Debian 12 (NSS 3.87) takes its folder from nowhere but the parameters; newer
 * ones find these in the environment, in NSS_LIB_PARAMS, as well.
 *
 * @param module path of the library
 */
export async function createSoftoknToken(directory: string, module: string, label = 'test'): Promise<Token> {
  await mkdir(directory, { recursive: true })
  const pinFile = join(directory, 'pin')
  await writeFile(pinFile, `${PIN}\n`, { mode: 0o600 })
  await certutil('-N', '-d', `sql:${directory}`, '-f', pinFile)
  return {
    directory,
    label,
    environment: {
      HSM_MODULE: module,
      HSM_MODULE_PARAMETERS: `configdir='sql:${directory}' certPrefix='' keyPrefix='' secmod='' flags= dbTokenDescription='${label}'`,
      HSM_TOKEN_LABEL: label,
      HSM_PIN_FILE: pinFile,
    },
  }
}
