/** The page in the documentation is that of the figures beside it, and knows all parts and targets. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { replacePart } from '../support/markdown.ts'
import { repositoryPath } from '../support/repository.ts'
import { PARTS } from './parts/index.ts'
import { describeRun, summarizeRun } from './report/page.ts'
import type { Report } from './report/report.ts'
import { judge, TARGETS } from './targets.ts'

const page = readFileSync(repositoryPath('docs/performance.md'), 'utf8')
const report = JSON.parse(readFileSync(repositoryPath('docs/performance.json'), 'utf8')) as Report

t.test('its tables are those of the run whose figures are beside it', async (t) => {
  const paragraphs = describeRun(report.machine, report.lines, judge(report.lines))
  t.equal(page, replacePart(page, 'bench', paragraphs))
})

t.test('its summary is of that run too', async (t) => {
  const paragraphs = summarizeRun(report.machine, report.lines, judge(report.lines))
  t.equal(page, replacePart(page, 'bench-summary', paragraphs))
})

t.test('every target was looked at in that run', async (t) => {
  t.equal(report.targets.length, TARGETS.length)
  for (const { line } of TARGETS) {
    t.ok(
      report.lines.some(({ name }) => name === line),
      line,
    )
  }
})

t.test('it explains every part, and what the file has', async (t) => {
  for (const name of [...PARTS.map((part) => part.name), ...Object.keys(report)]) {
    t.ok(name === 'at' || page.includes(`\`${name}\``), name)
  }
})
