/** `npm run bench`: measures part after part, prints what came of each, and writes it down. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { replacePart } from '../support/markdown.ts'
import { createRunDirectory } from '../support/run-directory.ts'
import { runSuite } from '../support/suite-arguments.ts'
import { type BenchArguments, parseArguments, USAGE } from './arguments.ts'
import type { Bench } from './bench.ts'
import { type Line, rounded } from './figures.ts'
import { LoadGenerator } from './load/load-generator.ts'
import { createMaterial } from './material.ts'
import { PARTS } from './parts/index.ts'
import { describeMachine } from './report/machine.ts'
import { describeRun, summarizeRun } from './report/page.ts'
import { drawPlot } from './report/plot.ts'
import { formatReport, reportOf } from './report/report.ts'
import { TABLES, textRow } from './report/table.ts'
import { judge, type Verdict } from './targets.ts'

async function measure({ only, settings }: BenchArguments): Promise<Line[]> {
  const material = await createMaterial(createRunDirectory('bench-'))
  const load = new LoadGenerator()
  const bench: Bench = { settings, material, load, note: (what) => console.error(what) }
  const lines: Line[] = []
  try {
    for (const part of PARTS.filter(({ name }) => only.size === 0 || only.has(name))) {
      const measured = (await part.run(bench)).map(rounded)
      lines.push(...measured)
      print(measured, judge(lines))
    }
  } finally {
    await load.end()
  }
  return lines
}

/** The tables of one part. */
function print(lines: readonly Line[], verdicts: readonly Verdict[]): void {
  for (const { headings, widths, rowsOf } of TABLES) {
    const rows = lines.flatMap((line) => rowsOf(line, verdicts))
    if (rows.length > 0) {
      console.log(['', headings, ...rows].map((cells) => textRow([...cells], widths)).join('\n'))
    }
  }
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

/** @param path of a page, if there is one */
function replace(path: string | undefined, part: string, paragraphs: readonly string[]): void {
  if (path !== undefined) {
    writeFileSync(path, replacePart(readFileSync(path, 'utf8'), part, paragraphs))
  }
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseArguments(args)
  if (options.help) {
    console.log(USAGE)
    return 0
  }
  const machine = await describeMachine()
  const lines = await measure(options)
  const report = reportOf(machine, options.settings, lines)
  write(options.json, formatReport(report))
  write(options.svg, drawPlot(lines))
  replace(options.markdown, 'bench', describeRun(machine, lines, judge(lines)))
  replace(options.summary, 'bench-summary', summarizeRun(machine, lines, judge(lines)))
  console.log(report.failures.length === 0 ? '\nAll held.' : `\nFailed:\n${report.failures.join('\n')}`)
  return report.failures.length === 0 ? 0 : 1
}

await runSuite(main)
