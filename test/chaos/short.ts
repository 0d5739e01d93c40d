/** The scenarios as part of `npm test`: short, gentle to the other tests beside them, and without a limit of time. */
import type { Test } from 'tap'
import { missed } from './expectations.ts'
import { createMaterial } from './material.ts'
import { runScenario, type Timing } from './run-scenario.ts'
import type { Scenario, ServerKind } from './scenario.ts'
import { createStage, type Stage } from './stage.ts'
import { cellsOf, textRow } from './table.ts'

/** The service's deadline: long, since a busy machine is not what is tested. */
const TIMEOUT_MS = 20_000
const LIMITS = { deadlineMs: TIMEOUT_MS, answeredMs: TIMEOUT_MS + 10_000 }
const TIMING: Timing = {
  beforeMs: 300,
  faultMs: 1_000,
  stableMs: 500,
  recoverWithinMs: 60_000,
  answerWithinMs: TIMEOUT_MS + 20_000,
  clients: 4,
  pauseMs: 40,
}

/** Starts a service for scenarios of that kind, which ends with the test. */
export async function startStage(t: Test, kind: ServerKind, environment: Record<string, string> = {}) {
  const stage = await createStage(await createMaterial(t.testdir()), kind, {
    HSM_SESSIONS: '4',
    HSM_TIMEOUT_MS: `${TIMEOUT_MS}`,
    ...environment,
  })
  t.teardown(() => stage.end())
  return stage
}

/** Plays a scenario and checks that all held. */
export function play(t: Test, stage: Stage, scenario: Scenario): Promise<unknown> {
  return t.test(`${scenario.name}: ${scenario.what}`, async (t) => {
    const result = await runScenario(scenario, stage, TIMING)
    t.comment(textRow(cellsOf(result, false)))
    t.strictSame(missed(scenario, result, LIMITS), [], result.notes.join('; '))
  })
}
