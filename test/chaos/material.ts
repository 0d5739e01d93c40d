import { execFileSync } from 'node:child_process'
import {
  createImportedKeyToken,
  createToken,
  type ImportedKeyToken,
  importKey,
  PIN,
} from '../support/token.ts'

/** A SoftHSM token whose key can be put onto another token of the same label. */
export interface Material extends ImportedKeyToken {
  readonly directory: string
  /** Deletes the token, and all that is on it, under the feet of those who use it. */
  deleteToken(): void
  /** Makes another token of the same label and PIN, with the same key. */
  recreateToken(): Promise<void>
}

export async function createMaterial(directory: string): Promise<Material> {
  const imported = await createImportedKeyToken(directory)
  const { token, keyFile } = imported
  return {
    ...imported,
    directory,
    deleteToken: () => {
      execFileSync('softhsm2-util', ['--delete-token', '--token', token.label], { stdio: 'ignore' })
    },
    recreateToken: async () => {
      await createToken(token.directory, token.label)
      await importKey(token, keyFile)
    },
  }
}

/** The environment with a PIN that is not the token's. */
export function withWrongPin({ HSM_PIN_FILE: _, ...environment }: Readonly<Record<string, string>>) {
  return { ...environment, HSM_PIN: `not-${PIN}` }
}
