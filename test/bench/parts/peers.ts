/** The service beside a pool in Go that checks nothing, and beside itself when it has just been started. */
import { type Bench, measureLoad, measureRounds, type Part, type Subject, warmUp } from '../bench.ts'
import type { Measured } from '../figures.ts'
import { digestInfo } from '../material.ts'
import { buildGoPool } from '../peers/build.ts'
import { BareToken } from '../processes/bare-token.ts'
import { Server } from '../processes/server.ts'
import { checkRaw, learnRequest, RAW_DATA } from '../requests.ts'

const IN_FLIGHT = [32, 1]

export const peers: Part = {
  name: 'peers',
  what: 'a pool in Go, and the first seconds after ready',
  async run(bench) {
    const { sessions } = bench.settings
    const environment = { ...bench.material.softhsm, HSM_SESSIONS: `${sessions}` }
    const program = await buildGoPool(bench.note)
    const bare = new BareToken(environment, digestInfo(RAW_DATA))
    const service = await Server.start('service', environment)
    const go = program === undefined ? undefined : await Server.start({ path: program }, environment)
    try {
      const servers = { go, service }
      const subjects = [await bareSubject(bench, bare), ...(await servedSubjects(bench, servers))]
      subjects.push(firstSubject(bench, environment))
      return await measureRounds(bench, 'peers', bench.settings.rounds.softhsm, subjects)
    } finally {
      await Promise.all([bare.end(), service.end(), go?.end()])
    }
  },
}

async function bareSubject({ settings, material }: Bench, bare: BareToken): Promise<Subject> {
  const { sessions, seconds, warmUpSeconds } = settings
  const signature = await bare.sign()
  await checkRaw(signature, material)
  await bare.measure(sessions, warmUpSeconds, signature)
  const what = `bare token, ${sessions} sessions, beside peers`
  return {
    ...{ name: 'peers-bare', what, main: 'rate' },
    measure: () => bare.measure(sessions, seconds, signature),
  }
}

async function servedSubjects(
  bench: Bench,
  { go, service }: { readonly go: Server | undefined; readonly service: Server },
): Promise<Subject[]> {
  const servers = [
    ...(go === undefined ? [] : [{ name: 'go', what: 'pool in Go', server: go }]),
    { name: 'peers-raw', what: 'raw, beside peers', server: service },
  ]
  const subjects: Subject[] = []
  for (const { name, what, server } of servers) {
    const requests = [await learnRequest(server.url, 'raw', bench.material)]
    await warmUp(bench, { servers: [server], requests, inFlight: 32 })
    for (const inFlight of IN_FLIGHT) {
      subjects.push({
        name: `${name}-${inFlight}`,
        what: `${what}, ${inFlight} in flight`,
        main: inFlight === 1 ? 'p50' : 'rate',
        ...(inFlight !== 1 && { reference: { what: 'the bare token', value: 'peers-bare' } }),
        measure: () => measureLoad(bench, { servers: [server], requests, inFlight }),
      })
    }
  }
  return subjects
}

/** A service that has signed nothing but what it signs to be ready. */
function firstSubject(bench: Bench, environment: Readonly<Record<string, string>>): Subject {
  const { settings } = bench
  const atOnce = { ...bench, settings: { ...settings, rampMs: 0, seconds: settings.firstSeconds } }
  return {
    ...{ name: 'peers-first', what: 'raw, 32 in flight, from ready on', main: 'rate' },
    reference: { what: 'the same when warm', value: 'peers-raw-32' },
    async measure(): Promise<Measured> {
      const server = await Server.start('service', environment)
      try {
        const requests = [await learnRequest(server.url, 'raw', bench.material)]
        return await measureLoad(atOnce, { servers: [server], requests, inFlight: 32 })
      } finally {
        await server.end()
      }
    },
  }
}
