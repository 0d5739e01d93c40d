/** `npm run test:chaos`: plays the scenarios one after another and prints what came of them as it goes. */
import { writeFileSync } from 'node:fs'
import { createRunDirectory } from '../support/run-directory.ts'
import { runSuite } from '../support/suite-arguments.ts'
import { type ChaosArguments, GROWTH, parseArguments, USAGE } from './arguments.ts'
import { missed } from './expectations.ts'
import { type Growth, measureGrowth } from './growth.ts'
import { createMaterial, type Material } from './material.ts'
import { updatePage } from './page.ts'
import type { Result } from './result.ts'
import { FULL, runScenario, type Timing } from './run-scenario.ts'
import type { Scenario } from './scenario.ts'
import { SCENARIOS } from './scenarios/index.ts'
import type { Stage } from './stage.ts'
import { Stages } from './stages.ts'
import { cellsOf, GROWTH_HEADINGS, growthRows, HEADINGS, textRow } from './table.ts'

/** An answer may take the service's deadline, 4 s by default, and its way through a busy event loop. */
const LIMITS = { recoveredMs: 2_000, deadlineMs: 4_000, answeredMs: 5_000 }

interface Outcome {
  readonly scenario: Scenario
  readonly result: Result
  readonly missed: readonly string[]
}

async function play({ only, seconds }: ChaosArguments, material: Material) {
  const timing: Timing = { ...FULL, faultMs: seconds * 1_000 }
  const wanted = (name: string) => only.size === 0 || only.has(name)
  const stages = new Stages(material)
  const outcomes: Outcome[] = []
  let growth: Growth | undefined
  console.log(textRow(HEADINGS))
  try {
    for (const scenario of SCENARIOS.filter(({ server }) => server === 'shared')) {
      if (wanted(scenario.name)) {
        outcomes.push(await playOne(scenario, await stages.get('shared'), timing))
      }
    }
    if (wanted(GROWTH)) {
      growth = await measureGrowth(await stages.get('shared'), timing)
      console.log(
        ['', GROWTH_HEADINGS, ...growthRows(growth)].map((cells) => [...cells].join('  ')).join('\n'),
      )
    }
    for (const scenario of SCENARIOS.filter(({ server }) => server !== 'shared')) {
      if (wanted(scenario.name)) {
        outcomes.push(await playOne(scenario, await stages.get(scenario.server), timing))
      }
    }
  } finally {
    await stages.end()
  }
  return { outcomes, growth }
}

async function playOne(scenario: Scenario, stage: Stage, timing: Timing): Promise<Outcome> {
  const result = await runScenario(scenario, stage, timing)
  const failures = missed(scenario, result, LIMITS)
  console.log(textRow(cellsOf(result, scenario.offeredPerSecond !== undefined)))
  for (const line of [...failures.map((failure) => `MISSED  ${failure}`), ...result.notes]) {
    console.log(`    ${line}`)
  }
  return { scenario, result, missed: failures }
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseArguments(args)
  if (options.help) {
    console.log(USAGE)
    return 0
  }
  // The servers end with this process, which a signal would otherwise end without its listeners
  const directory = createRunDirectory('chaos-')
  const { outcomes, growth } = await play(options, await createMaterial(directory))
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ outcomes, growth }, undefined, 2)}\n`)
  }
  if (options.markdown !== undefined) {
    const rows = outcomes.map(({ scenario, result }) =>
      cellsOf(result, scenario.offeredPerSecond !== undefined),
    )
    updatePage(options.markdown, { seconds: options.seconds, rows, growth })
  }
  const failures = [
    ...outcomes.flatMap(({ result, missed }) => missed.map((what) => `${result.name}: ${what}`)),
    ...(growth?.missed ?? []).map((what) => `${GROWTH}: ${what}`),
  ]
  console.log(failures.length === 0 ? '\nAll held.' : `\nMissed:\n${failures.join('\n')}`)
  return failures.length === 0 ? 0 : 1
}

await runSuite(main)
