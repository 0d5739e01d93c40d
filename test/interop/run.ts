/** `npm run test:interop`: has every kind of container judged, and writes what came of it into the documentation. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { replacePart } from '../support/markdown.ts'
import { repositoryPath } from '../support/repository.ts'
import { createRunDirectory } from '../support/run-directory.ts'
import { startDss, WITHOUT_DSS } from '../support/validators/dss.ts'
import { hasGpgsm } from '../support/validators/gpgsm.ts'
import { WITHOUT_PYHANKO } from '../support/validators/pyhanko.ts'
import { WITHOUT_JAVA } from '../support/validators/start-bouncy-castle.ts'
import { CLIENT_LEVELS, CLIENT_SHAPES, judgeClients } from './clients.ts'
import { createJudges } from './judges.ts'
import { type Material, startMaterial, type Teardown } from './material.ts'
import { describeRows, wrongNames } from './page.ts'
import { EVERY_SHAPE, nameOf } from './shapes.ts'
import { judgeShape, type Row, unjudged } from './verdicts.ts'
import { validatorVersions } from './versions.ts'

const PAGE = repositoryPath('docs/interoperability.md')
const USAGE = `usage: npm run test:interop -- [--check]

Signs a PDF in every way there is, has validators of others judge it, and writes their verdicts into
docs/interoperability.md. Then runs the programs of docs/without-document-engine.md. Exits with 1 when a validator refuses
what it takes from OpenSSL, or when EU DSS gives the PDF of a program another level than it is to have.

  --check   leaves the page as it is, and exits with 1 at once where it claims another level than EU DSS names`

interface Judged {
  readonly rows: readonly Row[]
  readonly versions: readonly string[]
  /** A line for each PDF of a program that is not as it should be. */
  readonly wrongClients: readonly string[]
}

async function judgeAll(t: Teardown, directory: string): Promise<Judged> {
  const material = await startMaterial(t, directory, EVERY_SHAPE)
  const judges = await createJudges(t, material)
  const original = await samplePdf()
  const rows: Row[] = []
  for (const shape of EVERY_SHAPE) {
    const row = await judgeShape(material, judges, original, shape)
    rows.push(row)
    for (const line of linesOf(row)) {
      console.log(line)
    }
  }
  const wrongClients = await judgePrograms(t, material)
  return { rows, versions: await validatorVersions(), wrongClients }
}

/** Returns a line for each program, shape and level that does not come out as it should. */
async function judgePrograms(t: Teardown, material: Material): Promise<string[]> {
  const dss = await startDss(t)
  const wrong: string[] = []
  for (const shape of CLIENT_SHAPES) {
    for (const level of CLIENT_LEVELS) {
      const directory = join(material.directory, `${nameOf(shape)} ${level}`)
      const outcomes = await judgeClients(directory, material, dss, { shape, level })
      for (const [program, complaint] of Object.entries(outcomes)) {
        const line = `${nameOf(shape)} signed by the program for ${program}, ${level}: ${complaint ?? 'valid'}`
        console.log(line)
        wrong.push(...(complaint === undefined ? [] : [line]))
      }
    }
  }
  return wrong
}

/** One line of a shape, and one more for each validator that does not find it valid. */
function linesOf({ shape, verdicts }: Row): string[] {
  const all = Object.entries(verdicts)
  const said = all.filter(([, { outcome }]) => outcome === 'cannot judge' || outcome === 'INVALID')
  const valid = all.filter(([, { outcome }]) => outcome === 'valid').length
  return [
    `${nameOf(shape)}: valid to ${valid}`,
    ...said.map(([judge, { outcome, complaint }]) => `    ${judge}: ${outcome}: ${complaint}`),
  ]
}

/** Returns a line for each validator that is not installed. */
function missingValidators(): string[] {
  const reasons = {
    'Bouncy Castle or PDFBox': WITHOUT_JAVA,
    gpgsm: !hasGpgsm() && 'docker/install-tools.sh gpgsm installs it',
    'EU DSS': WITHOUT_DSS,
    pyHanko: WITHOUT_PYHANKO,
  }
  return Object.entries(reasons).flatMap(([name, reason]) =>
    reason === false ? [] : [`${name} is missing: ${reason}`],
  )
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { help: { type: 'boolean' }, check: { type: 'boolean' } } })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const wrong = values.check ? wrongNames(readFileSync(PAGE, 'utf8')) : []
  if (wrong.length > 0) {
    console.error(wrong.map((row) => `EU DSS has another name for the level of ${row}`).join('\n'))
    return 1
  }
  const missing = missingValidators()
  if (missing.length > 0) {
    console.error(missing.join('\n'))
    return 1
  }
  const directory = createRunDirectory('interop-')
  const ends: (() => unknown)[] = []
  try {
    const { rows, versions, wrongClients } = await judgeAll(
      { teardown: (act) => ends.unshift(act) },
      directory,
    )
    if (!values.check) {
      const page = readFileSync(PAGE, 'utf8')
      writeFileSync(PAGE, replacePart(page, 'interop', describeRows(rows, versions)))
    }
    const outcomes = rows.flatMap(({ verdicts }) => Object.values(verdicts).map(({ outcome }) => outcome))
    const count = (wanted: string) => outcomes.filter((outcome) => outcome === wanted).length
    console.log(
      `\n${rows.length} containers: ${count('valid')} verdicts are valid, ${count('INVALID')} invalid; ` +
        `${count('cannot judge')} times a validator cannot judge.`,
    )
    const never = unjudged(rows)
    if (never.length > 0) {
      console.log(`None was valid to ${never.join(', ')}`)
    }
    console.log(`${wrongClients.length} PDFs of the programs are not as they should be.`)
    return count('INVALID') + never.length + wrongClients.length === 0 ? 0 : 1
  } finally {
    for (const end of ends) {
      await end()
    }
  }
}

process.exitCode = await main()
