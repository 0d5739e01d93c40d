import { buildJavaProgram, findJavaLibraries, type JavaProgram } from '../support/validators/java.ts'
import { PYTHON } from '../support/validators/pyhanko.ts'
import { runTool } from '../support/validators/run-tool.ts'

/** Names and versions of the validators; NSS's tools do not tell theirs. */
export async function validatorVersions(): Promise<string[]> {
  const [openssl, poppler, gpgsm, java, dss, pyhanko] = await Promise.all([
    runTool('openssl', ['version']),
    runTool('pdfsig', ['-v']),
    runTool('gpgsm', ['--version']),
    javaVersions('bouncy-castle'),
    javaVersions('dss'),
    runTool(PYTHON, ['-c', 'import pyhanko.version; print(pyhanko.version.__version__)']),
  ])
  const version = (text: string) => /\d+(\.\d+)+/.exec(text)?.[0] ?? 'of an unknown version'
  return [
    `OpenSSL ${version(openssl.stdout)}`,
    `poppler ${version(poppler.stderr)}`,
    `GnuPG ${version(gpgsm.stdout)}`,
    java,
    dss,
    `pyHanko ${version(pyhanko.stdout)}`,
  ]
}

async function javaVersions(program: JavaProgram): Promise<string> {
  const classPath = await buildJavaProgram(program, `${findJavaLibraries(program)}`)
  return (await runTool('java', ['-cp', classPath, 'Versions'])).stdout.trim()
}
