/**
 * More requests at once than the service lets in: those that it lets in must be signed in time, and as many as before.
 * Clients that are refused come back as late as they are told to, or at once, which keeps the service at refusing.
 */
import { measureLoad, measureRounds, type Part, type Subject, warmUp } from '../bench.ts'
import { BUSY } from '../figures.ts'
import { Server } from '../processes/server.ts'
import { learnRequest } from '../requests.ts'

const USUAL = 32
/** Retry-After. */
const AFTER_BUSY_MS = 1_000

export const overload: Part = {
  name: 'overload',
  what: 'more requests in flight than are let in',
  async run(bench) {
    const { settings, material } = bench
    const server = await Server.start('service', {
      ...material.simulated,
      HSM_SESSIONS: `${settings.sessions}`,
    })
    const requests = [await learnRequest(server.url, 'raw', material)]
    const servers = [server]
    const subject = (inFlight: number, afterBusyMs: number, suffix = '', what = ''): Subject => ({
      name: `overload-${inFlight}${suffix}`,
      what: `overload, ${inFlight} in flight${what}`,
      main: 'rate',
      allowed: [BUSY],
      ...(inFlight !== USUAL && { reference: { what: `${USUAL} in flight`, value: `overload-${USUAL}` } }),
      measure: () => measureLoad(bench, { servers, requests, inFlight, afterBusyMs }),
    })
    try {
      await warmUp(bench, { servers, requests, inFlight: USUAL })
      return await measureRounds(bench, 'overload', settings.rounds.others, [
        subject(USUAL, 0),
        ...settings.overload.map((inFlight) => subject(inFlight, AFTER_BUSY_MS)),
        ...settings.overload.map((inFlight) => subject(inFlight, 0, '-at-once', ' that come back at once')),
      ])
    } finally {
      await server.end()
    }
  },
}
