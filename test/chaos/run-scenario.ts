import { setTimeout as delay } from 'node:timers/promises'
import { hsmStatus } from '../support/signing.ts'
import { Load } from './load.ts'
import { ReadinessWatch } from './readiness.ts'
import { type Result, summarize } from './result.ts'
import type { Scenario } from './scenario.ts'
import type { Stage } from './stage.ts'

/** How long the parts of a scenario take, and how hard the service is pushed. */
export interface Timing {
  readonly beforeMs: number
  readonly faultMs: number
  /** How long it must be ready without a break to count as recovered. */
  readonly stableMs: number
  readonly recoverWithinMs: number
  readonly answerWithinMs: number
  readonly clients: number
  readonly pauseMs: number
}

/** `npm run test:chaos`. */
export const FULL: Timing = {
  beforeMs: 1_000,
  faultMs: 5_000,
  stableMs: 2_000,
  recoverWithinMs: 45_000,
  answerWithinMs: 15_000,
  clients: 32,
  pauseMs: 0,
}

/** Load, the fault under load, and load until the service has recovered. */
export async function runScenario(scenario: Scenario, stage: Stage, timing: Timing): Promise<Result> {
  const notes: string[] = []
  const unsettled = stage.kind === 'wrong PIN' ? undefined : await stage.settle()
  if (unsettled !== undefined) {
    notes.push(`before: ${unsettled}`)
  }
  const processes = stage.calls.processes()
  const load = new Load({ ...timing, url: stage.url, judge: stage.judge })
  const watch = new ReadinessWatch(stage.url)
  load.start(timing.clients)
  await delay(timing.beforeMs)

  const begin = performance.now()
  await scenario.start(stage)
  const over = performance.now()
  await (scenario.offeredPerSecond === undefined
    ? delay(timing.faultMs)
    : load.offer(scenario.offeredPerSecond, timing.faultMs))
  await scenario.stop(stage)
  const fault = { begin, end: scenario.momentary ? over : performance.now() }

  if (scenario.ends === 'ready') {
    await stable(load, watch, fault.end, timing)
  } else {
    await delay(timing.stableMs)
  }
  const recoveredAt = recovery(load, watch, fault.end)
  await load.stop()
  const { verified, wrong } = await stage.judge.verifySamples()
  const summary = summarize(load.answered, fault)
  const stayedReady = !watch.wasLost(begin)
  await watch.stop()
  notes.push(...wrong.map((message) => `openssl: ${message}`))
  notes.push(
    ...new Set(load.answered.flatMap(({ error }) => (error === undefined ? [] : [`unanswered: ${error}`]))),
  )
  if (verified === 0 && summary.signed > 0) {
    notes.push('nothing for the openssl command to verify')
  }
  return {
    name: scenario.name,
    what: scenario.what,
    ...summary,
    signed: summary.signed - wrong.length,
    wrong: summary.wrong + wrong.length,
    stayedReady,
    recoveredMs: recoveredAt === undefined ? undefined : recoveredAt - fault.end,
    state: stage.isAlive() ? (await hsmStatus(stage.url)).state : 'gone',
    sameProcess: stage.isAlive(),
    replaced: stage.calls.processes() - processes,
    logins: stage.calls.count('C_Login'),
    notes,
  }
}

/** Waits until it has recovered and stayed so for a while, or has had its time for that. */
async function stable(load: Load, watch: ReadinessWatch, faultEnd: number, timing: Timing): Promise<void> {
  const end = performance.now() + timing.recoverWithinMs
  for (;;) {
    const at = recovery(load, watch, faultEnd)
    const now = performance.now()
    if (now > end || (at !== undefined && now - at >= timing.stableMs)) {
      return
    }
    await delay(20)
  }
}

/** When it was ready for good and a signature had come back (ms of `performance.now()`). */
function recovery(load: Load, watch: ReadinessWatch, faultEnd: number): number | undefined {
  if (watch.readySince === undefined) {
    return undefined
  }
  const readyAt = Math.max(watch.readySince, faultEnd)
  return load.answered.find(({ outcome, answeredAt }) => outcome === 'signed' && answeredAt >= readyAt)
    ?.answeredAt
}
