/** Documents of several sizes, one and eight at once: what they cost, hold and block. */
import { setTimeout as delay } from 'node:timers/promises'
import { cpuTime, peakMemory, processFigures, resetPeakMemory } from '../../support/process-figures.ts'
import { type Bench, measureRounds, type Part, type Subject, warmUp } from '../bench.ts'
import type { Measured } from '../figures.ts'
import type { DocumentsOrder } from '../load/messages.ts'
import { Server } from '../processes/server.ts'
import { learnContainer, learnRequest } from '../requests.ts'
import type { DocumentSize } from '../settings.ts'

const AT_ONCE = 8
const MB = 1e6
const KIB = 1024

/** What is sent to either of two servers. */
type Documents = Omit<DocumentsOrder, 'url'>

export const documents: Part = {
  name: 'documents',
  what: 'documents of 35 kB to 100 MB, one and eight at once',
  async run(bench) {
    const server = await startWarm(bench)
    try {
      const subjects: Subject[] = []
      for (const size of bench.settings.documents) {
        subjects.push(...(await prepare(bench, server, size)))
      }
      return await measureRounds(bench, 'documents', bench.settings.rounds.others, subjects)
    } finally {
      await server.end()
    }
  },
}

async function startWarm(bench: Bench): Promise<Server> {
  const { settings, material } = bench
  const server = await Server.start('service', {
    ...material.softhsm,
    HSM_SESSIONS: `${settings.sessions}`,
    // Eight of 100 MB take longer to arrive than the default
    HSM_TIMEOUT_MS: '60000',
  })
  const requests = [await learnRequest(server.url, 'pkcs7', material)]
  await warmUp(bench, { servers: [server], requests, inFlight: AT_ONCE })
  return server
}

async function prepare(bench: Bench, server: Server, { name, size, count, behind }: DocumentSize) {
  const document = { size, hashAlgorithm: 'before' } as const
  const expected = await learnContainer(server.url, document, bench.material)
  const subject = (suffix: string, what: string, changes: Partial<Documents> = {}): Subject => {
    const order: Documents = { type: 'documents', document, expected, count, atOnce: 1, ...changes }
    return {
      name: `document-${name}-${suffix}`,
      what: `document, ${name.replace(/(?<=\d)(?=[a-zA-Z])/, ' ')}, ${what}`,
      main: 'seconds',
      measure: async () => {
        const { figures, ...others } = await measureTime(bench, server, order)
        return { ...others, figures: { ...figures, peak: await measureMemory(bench, order) } }
      },
    }
  }
  const late = { document: { size, hashAlgorithm: 'behind' } } as const
  return [
    subject('1', 'one at a time'),
    ...(behind ? [subject('1-behind', 'one at a time, hash_algorithm behind', late)] : []),
    subject(`${AT_ONCE}`, 'eight at once', { atOnce: AT_ONCE, count: Math.max(AT_ONCE, count) }),
  ]
}

async function measureTime({ load }: Bench, server: Server, order: Documents): Promise<Measured> {
  let [before, after] = [0, 0]
  const { measured, answers } = await load.run(orderFor(server, order), {
    begin: () => {
      before = cpuTime([server.pid])
    },
    end: () => {
      after = cpuTime([server.pid])
    },
  })
  // Once more: watching takes processor time
  await server.watchLoop()
  await load.run(orderFor(server, order))
  const loop = await server.tellLoop()
  const figures = {
    // Of a document, or of eight that are sent at once
    seconds: (measured.seconds * order.atOnce) / order.count,
    megabyteCpu: (after - before) / ((order.count * order.document.size) / MB),
    loopP99: loop.p99,
    loopMax: loop.max,
  }
  return { figures, answers }
}

/** In MB, of a server that has seen no such document: what one has taken once, a process may keep. */
async function measureMemory(bench: Bench, order: Documents): Promise<number> {
  const server = await startWarm(bench)
  try {
    await server.collectGarbage()
    await delay(bench.settings.settleMs)
    const idle = processFigures([server.pid]).rss
    resetPeakMemory(server.pid)
    await bench.load.run(orderFor(server, order))
    return ((peakMemory(server.pid) - idle) * KIB) / MB
  } finally {
    await server.end()
  }
}

function orderFor({ url }: Server, order: Documents): DocumentsOrder {
  return { ...order, url: `${url}/sign` }
}
