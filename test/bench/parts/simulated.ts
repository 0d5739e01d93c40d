/** A network HSM: what it answers after 5 ms, and its sessions, are all that limits the service. */
import {
  type Bench,
  type LoadKind,
  measureLoad,
  measureRounds,
  type Part,
  type Subject,
  warmUp,
} from '../bench.ts'
import { type Line, valuesOf } from '../figures.ts'
import { SIMULATED_SIGNATURE_MS } from '../material.ts'
import { Server } from '../processes/server.ts'
import { learnRequest } from '../requests.ts'

/** Per session: so that none waits for work while answers are on their way. */
const IN_FLIGHT = 4
const NAIVE_IN_FLIGHT = 32

export const simulated: Part = {
  name: 'simulated',
  what: 'a simulated network HSM with 1 to 64 sessions',
  async run(bench) {
    const servers: Server[] = []
    try {
      const subjects = await prepare(bench, servers)
      const lines = await measureRounds(bench, 'simulated', bench.settings.rounds.others, subjects)
      return [...lines, best(lines)]
    } finally {
      await Promise.all(servers.map((server) => server.end()))
    }
  },
}

/** Signatures a second that the HSM allows. */
export function allowedBy(sessions: number): number {
  return (sessions * 1_000) / SIMULATED_SIGNATURE_MS
}

/** @param servers what is started is put here */
async function prepare(bench: Bench, servers: Server[]): Promise<Subject[]> {
  const { simulated: environment } = bench.material
  const subjects: Subject[] = []
  const add = async (server: Server, subject: Omit<Subject, 'main' | 'measure'>, inFlight: number) => {
    servers.push(server)
    const requests = [await learnRequest(server.url, 'raw', bench.material)]
    const load: LoadKind = { servers: [server], requests, inFlight }
    await warmUp(bench, load)
    subjects.push({ ...subject, main: 'rate', measure: () => measureLoad(bench, load) })
  }
  for (const sessions of bench.settings.simulatedSessions) {
    await add(
      await Server.start('service', { ...environment, HSM_SESSIONS: `${sessions}` }),
      {
        name: `simulated-${sessions}`,
        what: `simulated HSM, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`,
        reference: { what: 'sessions / 5 ms', value: allowedBy(sessions) },
      },
      sessions * IN_FLIGHT,
    )
  }
  const subject = { name: 'simulated-naive', what: 'naive service, simulated HSM' }
  await add(await Server.start('naive', environment), subject, NAIVE_IN_FLIGHT)
  return subjects
}

/** The best of each round. */
function best(lines: readonly Line[]): Line {
  const naive = lines.find(({ name }) => name === 'simulated-naive') as Line
  const values = lines.filter((line) => line !== naive).map(valuesOf)
  return {
    name: 'simulated-best',
    what: 'simulated HSM, best of all',
    main: 'rate',
    figures: {
      rate: valuesOf(naive).map((_, round) => Math.max(...values.map((one) => Number(one[round])))),
    },
    reference: { what: 'the naive service', values: valuesOf(naive) },
    answers: {},
  }
}
