/** How long a start takes, and what the processes hold before they have done anything. */
import { setTimeout as delay } from 'node:timers/promises'
import { memoryTogether, processFigures } from '../../support/process-figures.ts'
import { allIdle } from '../../support/signing.ts'
import { type Bench, measureRounds, type Part, type Subject } from '../bench.ts'
import { type Line, lineOf, type Measured } from '../figures.ts'
import { Server } from '../processes/server.ts'
import { slopeOf, spreadOf } from '../statistics.ts'

const MB = 1e6
const KIB = 1024

export const start: Part = {
  name: 'start',
  what: 'from the start to ready, and memory at idle',
  async run(bench) {
    const { sessions, starts, idleSessions } = bench.settings
    const subject: Subject = {
      name: 'start',
      what: `process start to ready, ${sessions} sessions`,
      main: 'seconds',
      measure: () => measureStart(bench, sessions),
    }
    const lines = await measureRounds(bench, 'start', starts, [subject])
    const counts = [sessions, ...idleSessions]
    for (const count of idleSessions) {
      bench.note(`start: memory with ${count} ${count === 1 ? 'session' : 'sessions'}`)
      const what = `memory at idle, ${count} ${count === 1 ? 'session' : 'sessions'}`
      const measured = await measureStart(bench, count)
      lines.push(lineOf({ name: `idle-${count}`, what, main: 'signerMemory' }, [measured]))
    }
    return [...lines, sessionLine(counts, lines)]
  },
}

async function measureStart({ material, settings }: Bench, sessions: number): Promise<Measured> {
  const server = await Server.start('service', { ...material.softhsm, HSM_SESSIONS: `${sessions}` })
  try {
    await allIdle(server.url)
    await delay(settings.settleMs)
    const resident = (pids: readonly number[]) => (processFigures(pids).rss * KIB) / MB
    const figures = {
      httpMemory: resident([server.pid]),
      signerMemory: resident(server.signers),
      memory: (memoryTogether([server.pid, ...server.signers]) * KIB) / MB,
    }
    return { figures: { seconds: server.startMs / 1_000, ...figures } }
  } finally {
    await server.end()
  }
}

/** @param lines in the order of their numbers of sessions */
function sessionLine(sessions: readonly number[], lines: readonly Line[]): Line {
  const points = lines.map(({ figures }, index) => {
    const { median } = spreadOf(figures.signerMemory ?? [])
    return [sessions[index] ?? 0, median] as const
  })
  const kind = { name: 'session', what: 'memory a session', main: 'sessionMemory' } as const
  return lineOf(kind, [{ figures: { sessionMemory: slopeOf(points) } }])
}
