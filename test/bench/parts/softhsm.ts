/** What is left of the bare token's speed over HTTP, and what a service gets of it that keeps nothing. */
import {
  type Bench,
  measureLoad,
  measureRounds,
  type Part,
  type Subject,
  warmSubject,
  warmUp,
} from '../bench.ts'
import { digestInfo } from '../material.ts'
import { BareToken } from '../processes/bare-token.ts'
import { Server } from '../processes/server.ts'
import { checkRaw, learnRequest, RAW_DATA } from '../requests.ts'

const NAIVE_IN_FLIGHT = 32

export const softhsm: Part = {
  name: 'softhsm',
  what: 'the bare token, raw and PKCS#7 over HTTP, and a naive service',
  async run(bench) {
    const { softhsm: environment } = bench.material
    const { sessions } = bench.settings
    const bare = new BareToken(environment, digestInfo(RAW_DATA))
    const [service, naive] = await Promise.all([
      Server.start('service', { ...environment, HSM_SESSIONS: `${sessions}` }),
      Server.start('naive', environment),
    ])
    try {
      const subjects = await prepare(bench, { bare, service, naive })
      return await measureRounds(bench, 'softhsm', bench.settings.rounds.softhsm, subjects)
    } finally {
      await Promise.all([bare.end(), service.end(), naive.end()])
    }
  },
}

interface Processes {
  readonly bare: BareToken
  readonly service: Server
  readonly naive: Server
}

async function prepare(bench: Bench, { bare, service, naive }: Processes): Promise<Subject[]> {
  const { settings, material } = bench
  const signature = await bare.sign()
  await checkRaw(signature, material)
  await bare.measure(Math.max(...settings.bareSessions), settings.warmUpSeconds, signature)
  const bareSubjects = settings.bareSessions.map((sessions): Subject => {
    const what = `bare token, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`
    const measure = () => bare.measure(sessions, settings.seconds, signature)
    return { name: `bare-${sessions}`, what, main: 'rate', measure }
  })
  const served: Subject[] = []
  for (const [kind, name] of [
    ['raw', 'raw'],
    ['pkcs7', 'PKCS#7, 35 kB'],
  ] as const) {
    const requests = [await learnRequest(service.url, kind, material)]
    await warmUp(bench, { servers: [service], requests, inFlight: 32 })
    for (const inFlight of settings.inFlight) {
      served.push({
        name: `${kind}-${inFlight}`,
        what: `${name}, ${inFlight} in flight`,
        main: 'rate',
        reference: { what: 'the bare token', value: `bare-${settings.sessions}` },
        measure: () => measureLoad(bench, { servers: [service], requests, inFlight }),
      })
    }
  }
  const naiveKind = {
    name: 'naive',
    what: 'naive service, 32 in flight',
    reference: { what: 'the bare token', value: `bare-${settings.sessions}` },
  }
  const naiveSubject = await warmSubject(bench, naiveKind, {
    servers: [naive],
    requests: [await learnRequest(naive.url, 'raw', material)],
    inFlight: NAIVE_IN_FLIGHT,
  })
  return [...bareSubjects, ...served, naiveSubject]
}
