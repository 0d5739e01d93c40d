// `npm run test:all` ends with this: says which files of src the tests did not run whole, and fails if that is more than a
// thousandth. What only a race reaches is run on some days and not on others, so that a bound of all would hang on chance.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

const LEAST_PERCENT = 99.9
const KINDS = ['lines', 'branches', 'functions']

execFileSync('tap', ['report', 'json-summary'], { stdio: ['ignore', 'ignore', 'inherit'] })
const { total, ...files } = JSON.parse(readFileSync('.tap/report/coverage-summary.json', 'utf8'))
const describe = (figures) =>
  KINDS.map((kind) => `${figures[kind].covered} of ${figures[kind].total} ${kind}`).join(', ')

for (const [file, figures] of Object.entries(files)) {
  if (KINDS.some((kind) => figures[kind].covered < figures[kind].total)) {
    console.log(`${relative('.', file)}: ${describe(figures)}`)
  }
}
console.log(`Coverage: ${describe(total)}`)
const isEnough = KINDS.every(
  (kind) => total[kind].total > 0 && (100 * total[kind].covered) / total[kind].total >= LEAST_PERCENT,
)
if (!isEnough) {
  console.error(`The tests must run ${LEAST_PERCENT} % of each`)
  process.exitCode = 1
}
