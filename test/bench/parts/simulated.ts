/** A network HSM: what it answers after 5 ms, and its sessions, are all that limits the service. */
import { type Bench, measureRounds, type Part, type Subject, warmSubject } from '../bench.ts'
import { type Line, valuesOf } from '../figures.ts'
import { digestInfo, SIMULATED_SIGNATURE_MS } from '../material.ts'
import { BareToken } from '../processes/bare-token.ts'
import { Server } from '../processes/server.ts'
import { checkRaw, learnRequest, RAW_DATA } from '../requests.ts'

/** At least, and per session: so that none waits for work while answers are on their way. */
const IN_FLIGHT = 32
const IN_FLIGHT_OF_SESSION = 2

export const simulated: Part = {
  name: 'simulated',
  what: 'a simulated network HSM with 1 to 64 sessions',
  async run(bench) {
    const { settings, material } = bench
    const bare = new BareToken(material.simulated, digestInfo(RAW_DATA))
    const servers = await Promise.all([
      Server.start('naive', material.simulated),
      ...settings.simulatedSessions.map((sessions) =>
        Server.start('service', { ...material.simulated, HSM_SESSIONS: `${sessions}` }),
      ),
    ])
    try {
      const [naive, ...services] = servers as [Server, ...Server[]]
      const subjects: Subject[] = [await prepareBare(bench, bare)]
      for (const [index, sessions] of settings.simulatedSessions.entries()) {
        const inFlight = Math.max(IN_FLIGHT, sessions * IN_FLIGHT_OF_SESSION)
        const kind = {
          name: `simulated-${sessions}`,
          what: `simulated HSM, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`,
          reference: { what: 'sessions / 5 ms', value: allowedBy(sessions) },
        }
        subjects.push(await prepare(bench, services[index] as Server, inFlight, kind))
      }
      const kind = { name: 'simulated-naive', what: 'naive service, simulated HSM' }
      subjects.push(await prepare(bench, naive, IN_FLIGHT, kind))
      const lines = await measureRounds(bench, 'simulated', settings.rounds.others, subjects)
      return [...lines, best(lines)]
    } finally {
      await Promise.all([bare, ...servers].map((process) => process.end()))
    }
  },
}

/** Signatures a second that the HSM allows. */
export function allowedBy(sessions: number): number {
  return (sessions * 1_000) / SIMULATED_SIGNATURE_MS
}

/** Whether the HSM is what it is to be: a loop of calls, without HTTP and without a pool. */
async function prepareBare(bench: Bench, bare: BareToken): Promise<Subject> {
  const { sessions, seconds } = bench.settings
  const signature = await bare.sign()
  await checkRaw(signature, bench.material)
  return {
    name: 'simulated-bare',
    what: `bare token, simulated HSM, ${sessions} sessions`,
    main: 'rate',
    reference: { what: 'sessions / 5 ms', value: allowedBy(sessions) },
    measure: () => bare.measure(sessions, seconds, signature),
  }
}

async function prepare(
  bench: Bench,
  server: Server,
  inFlight: number,
  kind: Omit<Subject, 'main' | 'measure'>,
): Promise<Subject> {
  const requests = [await learnRequest(server.url, 'raw', bench.material)]
  return warmSubject(bench, kind, { servers: [server], requests, inFlight })
}

/** The best of each round. */
function best(lines: readonly Line[]): Line {
  const naive = lines.find(({ name }) => name === 'simulated-naive') as Line
  const values = lines.filter(({ name }) => /\d$/.test(name)).map(valuesOf)
  return {
    name: 'simulated-best',
    what: 'simulated HSM, best of all',
    main: 'rate',
    figures: {
      rate: valuesOf(naive).map((_, round) => Math.max(...values.map((one) => Number(one[round])))),
    },
    reference: { what: 'the naive service', line: 'simulated-naive', values: valuesOf(naive) },
    answers: {},
  }
}
