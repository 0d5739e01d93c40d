/** Two service processes that know nothing of each other, as replicas behind a balancer. */
import { measureRounds, type Part, type Subject, warmSubject } from '../bench.ts'
import { Server } from '../processes/server.ts'
import { learnRequest } from '../requests.ts'
import { allowedBy } from './simulated.ts'

const IN_FLIGHT = 32

export const replicas: Part = {
  name: 'replicas',
  what: 'one and two services on the simulated HSM',
  async run(bench) {
    const { settings, material } = bench
    const { sessions } = settings
    const start = () => Server.start('service', { ...material.simulated, HSM_SESSIONS: `${sessions}` })
    const both = await Promise.all([start(), start()])
    try {
      const subjects: Subject[] = []
      for (const servers of [both.slice(0, 1), both]) {
        const count = servers.length
        const requests = await Promise.all(servers.map(({ url }) => learnRequest(url, 'raw', material)))
        const kind = {
          name: `replicas-${count}`,
          what: `simulated HSM, ${count} × ${sessions} sessions`,
          reference: { what: 'sessions / 5 ms', value: allowedBy(sessions * count) },
        }
        subjects.push(await warmSubject(bench, kind, { servers, requests, inFlight: IN_FLIGHT * count }))
      }
      return await measureRounds(bench, 'replicas', settings.rounds.others, subjects)
    } finally {
      await Promise.all(both.map((server) => server.end()))
    }
  },
}
