import type { Result } from './result.ts'
import type { Scenario } from './scenario.ts'

export interface Limits {
  /** From a fault's end until the service is ready and signs; none where the machine may be busy. */
  readonly recoveredMs?: number
  /** HSM_TIMEOUT_MS of the service: overload must not make the signatures that it still makes useless. */
  readonly deadlineMs: number
  /** The deadline, and what an answer may take on its way. */
  readonly answeredMs: number
}

/** What must hold and does not, in words; none when all is well. */
export function missed(scenario: Scenario, result: Result, limits: Limits): string[] {
  const failed = Object.values(result.refused).reduce((sum, count) => sum + count, 0)
  const conditions: [boolean, string][] = [
    [result.wrong === 0, `${result.wrong} wrong signatures`],
    [result.unanswered === 0, `${result.unanswered} unanswered`],
    [result.sameProcess, 'the HTTP process ended'],
    [result.longestMs <= limits.answeredMs, `an answer after ${Math.round(result.longestMs)} ms`],
    [result.p99.signed <= limits.deadlineMs, 'more than one in 100 signed after the deadline'],
    [!scenario.unnoticed || failed === 0, `${failed} failed requests`],
    ...(scenario.ends === 'ready' ? recovered(result, limits) : pinRefused(scenario, result)),
  ]
  return conditions.filter(([holds]) => !holds).map(([, what]) => what)
}

function recovered({ recoveredMs, signed }: Result, limits: Limits): [boolean, string][] {
  const limit = limits.recoveredMs ?? Number.POSITIVE_INFINITY
  return [
    [recoveredMs !== undefined, 'not ready again'],
    [(recoveredMs ?? 0) <= limit, `ready again after more than ${limit} ms`],
    [signed > 0, 'nothing was signed'],
  ]
}

/** The PIN is tried once, and when it was refused everybody is told so. */
function pinRefused({ server }: Scenario, result: Result): [boolean, string][] {
  const { '503 HSM_UNAVAILABLE': refused = 0, ...others } = result.refused
  const strange = Object.keys(others)
  return [
    [result.state === 'pin refused', `the state is ${result.state}`],
    [result.logins === 1, `C_Login was called ${result.logins} times`],
    [refused > 0, 'nothing was refused'],
    [strange.length === 0, `answers beside HSM_UNAVAILABLE: ${strange.join(', ')}`],
    [server !== 'wrong PIN' || result.signed === 0, `${result.signed} signatures with a wrong PIN`],
    [!result.stayedReady, 'ready all the time'],
  ]
}
