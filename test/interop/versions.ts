import { buildJavaValidators, findJavaLibraries } from '../support/validators/java.ts'
import { runTool } from '../support/validators/run-tool.ts'

/** Names and versions of the validators; NSS's tools do not tell theirs. */
export async function validatorVersions(): Promise<string[]> {
  const [openssl, poppler, gpgsm, java] = await Promise.all([
    runTool('openssl', ['version']),
    runTool('pdfsig', ['-v']),
    runTool('gpgsm', ['--version']),
    runTool('java', ['-cp', await buildJavaValidators(`${findJavaLibraries()}`), 'Versions']),
  ])
  const version = (text: string) => /\d+(\.\d+)+/.exec(text)?.[0] ?? 'of an unknown version'
  return [
    `OpenSSL ${version(openssl.stdout)}`,
    `poppler ${version(poppler.stderr)}`,
    `GnuPG ${version(gpgsm.stdout)}`,
    java.stdout.trim(),
  ]
}
