/** The whole of `npm run bench`, as short as it can be: that it works and checks answers, not how fast anything is. */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { USAGE } from './arguments.ts'
import { FIGURES, type FigureName, RIGHT, valuesOf } from './figures.ts'
import { buildGoPool } from './peers/build.ts'
import type { Report } from './report/report.ts'
import { PATIENT, SHORT } from './settings.ts'

const RUN = fileURLToPath(new URL(`./run${extname(import.meta.filename)}`, import.meta.url))

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...PATIENT }
    execFile(process.execPath, [RUN, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

const go = await buildGoPool((what) => t.comment(what))

const LINES = [
  ...SHORT.bareSessions.map((sessions) => `bare-${sessions}`),
  ...['raw', 'pkcs7'].flatMap((kind) => SHORT.inFlight.map((inFlight) => `${kind}-${inFlight}`)),
  'naive',
  ...[
    'peers-bare',
    ...(go === undefined ? [] : ['go-32', 'go-1']),
    'peers-raw-32',
    'peers-raw-1',
    'peers-first',
  ],
  'simulated-bare',
  ...SHORT.simulatedSessions.map((sessions) => `simulated-${sessions}`),
  ...['simulated-naive', 'simulated-best', 'overload-32'],
  ...['', '-at-once'].flatMap((suffix) => SHORT.overload.map((inFlight) => `overload-${inFlight}${suffix}`)),
  ...['replicas-1', 'replicas-2'],
  ...['document-1MB-1', 'document-1MB-8'],
  'start',
  ...SHORT.idleSessions.map((sessions) => `idle-${sessions}`),
  ...['session', 'soak-http', 'soak-signer', 'soak-latency'],
]

t.test('everything is measured once', async (t) => {
  const path = (name: string) => join(directory, name)
  const directory = t.testdir()
  writeFileSync(path('page.md'), 'before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n')
  const { code, stdout, stderr } = await run(
    ...['--short', '--json', path('new/bench.json'), '--svg', path('bench.svg')],
    ...['--markdown', path('page.md')],
  )
  t.comment(stdout)
  t.notMatch(stderr, /Error/)
  const report = JSON.parse(readFileSync(path('new/bench.json'), 'utf8')) as Report

  t.test('all lines are there, with their figures, and every answer was right', async (t) => {
    t.strictSame(
      report.lines.map(({ name }) => name),
      LINES,
    )
    for (const line of report.lines) {
      t.ok(valuesOf(line).length > 0, line.name)
      const { [RIGHT]: _, ...others } = line.answers
      t.strictSame(
        Object.keys(others).filter((outcome) => !line.allowed?.includes(outcome)),
        [],
        line.name,
      )
    }
    for (const name of ['raw-32', 'pkcs7-32', 'simulated-2', 'overload-300', 'replicas-2', 'soak-latency']) {
      t.ok(report.lines.find((line) => line.name === name)?.answers[RIGHT], `${name} has right answers`)
    }
  })

  t.test('load has CPU, latency and delays of the event loop', async (t) => {
    const figures: FigureName[] = [
      ...(['rate', 'p50', 'p99', 'p999', 'longest'] as const),
      ...(['httpCpu', 'signerCpu', 'loadCpu', 'loopP99', 'loopMax'] as const),
    ]
    for (const { name, figures: found } of report.lines.filter(({ name }) => /^(raw|pkcs7)-/.test(name))) {
      t.strictSame(
        figures.filter((figure) => found[figure]?.length !== 1),
        [],
        name,
      )
    }
  })

  t.test('the report says on what, how and in which units', async (t) => {
    t.match(report.machine, { cores: Number, cpu: String, memory: Number, node: process.versions.node })
    t.match(report.machine.token, /^SoftHSM \d/)
    t.strictSame(report.settings, SHORT)
    t.strictSame(report.units, JSON.parse(JSON.stringify(FIGURES)))
    t.strictSame(
      report.summary.map(({ name }) => name),
      LINES,
    )
    t.ok(report.targets.some(({ line }) => line === 'raw-32'))
  })

  t.test('the exit code follows from what failed', async (t) => {
    t.equal(code, report.failures.length === 0 ? 0 : 1)
    t.match(stdout, report.failures.length === 0 ? /All held\.$/m : /^Failed:$/m)
    const missed = report.targets.filter(({ outcome }) => outcome === 'MISSED')
    t.equal(report.failures.length, missed.length, 'which are targets alone')
  })

  t.test('terminal and page have a row for each line', async (t) => {
    const page = readFileSync(path('page.md'), 'utf8')
    t.match(page, /^before\n<!-- bench:begin -->\n\n[\s\S]*\n\n<!-- bench:end -->\nafter\n$/)
    t.notMatch(page, 'old')
    for (const { what } of report.lines) {
      t.ok(page.includes(`| ${what} |`), what)
      t.ok(stdout.includes(`\n${what} `), what)
    }
  })

  t.test('the plot has its panels', async (t) => {
    const svg = readFileSync(path('bench.svg'), 'utf8')
    t.match(svg, /^<svg [^>]*width="900"/)
    t.match(svg, /fill="#ffffff"/, 'with a background')
    for (const text of ['naive service', 'sessions / 5 ms', 'the token itself', 'eight at once']) {
      t.ok(svg.includes(text), text)
    }
  })
})

t.test('help, and a mistake in the arguments', async (t) => {
  t.strictSame(await run('--help'), { code: 0, stdout: `${USAGE}\n`, stderr: '' })
  t.match(await run('--only', 'nothing'), { code: 64, stderr: 'there is no part nothing; see --help\n' })
})
