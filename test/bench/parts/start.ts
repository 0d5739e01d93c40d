/** How long a start takes, and what the processes hold before they have done anything. */
import { setTimeout as delay } from 'node:timers/promises'
import { processFigures } from '../../support/process-figures.ts'
import { allIdle } from '../../support/signing.ts'
import { type Bench, measureRounds, type Part, type Subject } from '../bench.ts'
import { type Line, lineOf, type Measured } from '../figures.ts'
import { Server } from '../processes/server.ts'
import { slopeOf } from '../statistics.ts'

/** Until what a start took has been given back. */
const SETTLE_MS = 1_000
const MB = 1e6
const KIB = 1024

export const start: Part = {
  name: 'start',
  what: 'from the start to ready, and memory at idle',
  async run(bench) {
    const { settings } = bench
    const subject: Subject = {
      name: 'start',
      what: `process start to ready, ${settings.sessions} sessions`,
      main: 'seconds',
      measure: () =>
        withServer(bench, settings.sessions, async ({ startMs }) => ({
          figures: { seconds: startMs / 1_000 },
        })),
    }
    const starts = await measureRounds(bench, 'start', settings.starts, [subject])
    bench.note(`start: memory with ${settings.idleSessions.join(', ')} sessions`)
    const idle: Line[] = []
    for (const sessions of settings.idleSessions) {
      const measured = await withServer(bench, sessions, memoryOf)
      const what = `memory at idle, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`
      idle.push(lineOf({ name: `idle-${sessions}`, what, main: 'signerMemory' }, [measured]))
    }
    return [...starts, ...idle, sessionLine(settings.idleSessions, idle)]
  },
}

async function withServer(
  { material }: Bench,
  sessions: number,
  measure: (server: Server) => Promise<Measured>,
): Promise<Measured> {
  const server = await Server.start('service', { ...material.softhsm, HSM_SESSIONS: `${sessions}` })
  try {
    return await measure(server)
  } finally {
    await server.end()
  }
}

async function memoryOf(server: Server): Promise<Measured> {
  await allIdle(server.url)
  await delay(SETTLE_MS)
  const memory = (pids: readonly number[]) => (processFigures(pids).rss * KIB) / MB
  return { figures: { httpMemory: memory([server.pid]), signerMemory: memory(server.signers) } }
}

function sessionLine(sessions: readonly number[], idle: readonly Line[]): Line {
  const points = idle.map(
    ({ figures }, index) => [sessions[index] ?? 0, figures.signerMemory?.[0] ?? 0] as const,
  )
  const kind = { name: 'session', what: 'memory a session', main: 'sessionMemory' } as const
  return lineOf(kind, [{ figures: { sessionMemory: slopeOf(points) } }])
}
