/** The programs of docs/without-document-engine.md, as they stand there, and what EU DSS says of what they sign. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeBlocks } from '../support/markdown.ts'
import { repositoryPath } from '../support/repository.ts'
import { type Dss, WITHOUT_DSS } from '../support/validators/dss.ts'
import { findJavaLibraries, SHORT_RUN } from '../support/validators/java.ts'
import { PYTHON, WITHOUT_PYHANKO } from '../support/validators/pyhanko.ts'
import { readWalk, type Walk } from '../support/walk.ts'
import type { Material } from './material.ts'
import { type Shape, signerOf } from './shapes.ts'

/** Why the programs cannot be run; false where both can be, and their PDFs judged. */
export const WITHOUT_CLIENTS = WITHOUT_DSS || WITHOUT_PYHANKO

export const CLIENTS_PAGE = readFileSync(repositoryPath('docs/without-document-engine.md'), 'utf8')

/** Shapes that the service signs for the programs, which add a timestamp to raw signatures. */
export const CLIENT_SHAPES: readonly Shape[] = [
  { container: 'raw', type: 'cades', level: 'b-b', key: 'rsa-2048', hash: 'sha256' },
  { container: 'pkcs7', type: 'cades', level: 'b-t', key: 'p-256', hash: 'sha256' },
  { container: 'raw', type: 'cades', level: 'b-b', key: 'p-256', hash: 'sha256' },
  { container: 'pkcs7', type: 'cades', level: 'b-lt', key: 'rsa-2048', hash: 'sha256' },
]

/** Argument of the programs for PAdES-BASELINE-LT and PAdES-BASELINE-LTA. */
export const CLIENT_LEVELS = ['LT', 'LTA'] as const

export interface ClientCase {
  readonly shape: Pick<Shape, 'container' | 'key' | 'level'>
  readonly level: (typeof CLIENT_LEVELS)[number]
  /** Name of the signer that the programs ask for; by default that of the shape. */
  readonly signer?: string
}

/**
 * Runs the page's commands up to the first of its programs.
 *
 * @param directory new; the programs and the PDFs are in it
 */
export async function startClients(directory: string, material: Material, client: ClientCase): Promise<Walk> {
  const { shape, level, signer = signerOf(shape) } = client
  const { anchors, timestampAnchors, authorities, url } = material
  const write = (name: string, content: string | Buffer) => writeFileSync(join(directory, name), content)
  mkdirSync(directory)
  write('in.pdf', readFileSync(repositoryPath('test/support/document-engine/sample.pdf')))
  write('trusted.pem', `${readFileSync(anchors)}${readFileSync(timestampAnchors)}`)
  write('sign_pdf.py', codeBlocks(CLIENTS_PAGE, 'python').join(''))
  write('SignPdf.java', codeBlocks(CLIENTS_PAGE, 'java').join(''))
  const walk = readWalk(CLIENTS_PAGE, directory, [
    ['http://signing-service:6000/sign/contracts', `${url}/${signer}`],
    ['http://timestamp.example.com', authorities.timestampUrl],
    ['python3 ', `'${PYTHON}' `],
    ["'dss/*'", `'${findJavaLibraries('dss')}'`],
    ['raw LTA', `${shape.container} ${level}`],
  ])
  walk.environment.JDK_JAVA_OPTIONS = SHORT_RUN.join(' ')
  await walk.runNext()
  return walk
}

/** Has both programs sign a PDF. Returns by program what is wrong with it; undefined where nothing is. */
export async function judgeClients(
  directory: string,
  material: Material,
  dss: Dss,
  client: ClientCase,
): Promise<Readonly<Record<string, string | undefined>>> {
  const { anchors, timestampAnchors } = material
  const walk = await startClients(directory, material, client)
  const run = async (file: string) => {
    try {
      await walk.runNext()
    } catch (error) {
      return `${(error as { stderr?: string }).stderr}`
    }
    const pdf = readFileSync(join(directory, file))
    const signatures = await dss.judge({ pdf }, { anchors, timestampAnchors, online: false })
    const found = signatures.map(({ format, complaints, warnings }) =>
      [format, ...complaints, ...warnings].join(': '),
    )
    return found.join('; ') === `PAdES-BASELINE-${client.level}` ? undefined : `it is ${found.join('; ')}`
  }
  return { pyHanko: await run('pyhanko.pdf'), 'EU DSS': await run('dss.pdf') }
}
