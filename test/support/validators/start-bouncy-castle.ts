import { BouncyCastle } from './bouncy-castle.ts'
import { findJavaLibraries } from './java.ts'

const libraries = findJavaLibraries('bouncy-castle')

/** Why tests that need it are skipped; false where it is there. */
export const WITHOUT_JAVA =
  libraries === undefined && 'docker/install-tools.sh java bouncycastle pdfbox installs it'

/** It ends with the test. */
export async function startBouncyCastle(t: {
  teardown(act: () => Promise<void>): void
}): Promise<BouncyCastle> {
  const bouncyCastle = await BouncyCastle.start(`${libraries}`)
  t.teardown(() => bouncyCastle.close())
  return bouncyCastle
}
