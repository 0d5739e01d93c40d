/** More requests at once than the service lets in: those that it lets in must be signed in time, and as many as before. */
import { measureLoad, measureRounds, type Part, type Subject, warmUp } from '../bench.ts'
import { Server } from '../processes/server.ts'
import { learnRequest } from '../requests.ts'

const USUAL = 32

export const overload: Part = {
  name: 'overload',
  what: 'more requests in flight than are let in',
  async run(bench) {
    const { settings, material } = bench
    const server = await Server.start('service', {
      ...material.simulated,
      HSM_SESSIONS: `${settings.sessions}`,
    })
    try {
      const requests = [await learnRequest(server.url, 'raw', material)]
      const servers = [server]
      await warmUp(bench, { servers, requests, inFlight: USUAL })
      const subjects = [USUAL, ...settings.overload].map(
        (inFlight): Subject => ({
          name: `overload-${inFlight}`,
          what: `simulated HSM, ${settings.sessions} sessions, ${inFlight} in flight`,
          main: 'rate',
          allowed: ['503 HSM_BUSY'],
          ...(inFlight !== USUAL && {
            reference: { what: `${USUAL} in flight`, value: `overload-${USUAL}` },
          }),
          measure: () => measureLoad(bench, { servers, requests, inFlight }),
        }),
      )
      return await measureRounds(bench, 'overload', settings.rounds.others, subjects)
    } finally {
      await server.end()
    }
  },
}
