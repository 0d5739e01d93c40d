/** Documents of several sizes, one and eight at once: what they cost, hold and block. */
import { setTimeout as delay } from 'node:timers/promises'
import { cpuTime, peakMemory, processFigures, resetPeakMemory } from '../../support/process-figures.ts'
import { type Bench, measureRounds, type Part, type Subject } from '../bench.ts'
import type { Measured } from '../figures.ts'
import type { DocumentsOrder } from '../load/messages.ts'
import type { LoopDelay } from '../processes/event-loop-watch.ts'
import { Server } from '../processes/server.ts'
import { learnContainer } from '../requests.ts'
import type { DocumentSize } from '../settings.ts'

const AT_ONCE = 8
/** What a garbage collection gives back to the system takes a moment. */
const SETTLE_MS = 300
const MB = 1e6
const KIB = 1024

export const documents: Part = {
  name: 'documents',
  what: 'documents of 35 kB to 100 MB, one and eight at once',
  async run(bench) {
    // Eight of 100 MB take longer to arrive than the default
    const server = await Server.start('service', {
      ...bench.material.softhsm,
      HSM_SESSIONS: `${bench.settings.sessions}`,
      HSM_TIMEOUT_MS: '60000',
    })
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

async function prepare(bench: Bench, server: Server, { name, size, count, behind }: DocumentSize) {
  const document = { size, hashAlgorithm: 'before' } as const
  const expected = await learnContainer(server.url, document, bench.material)
  const order = {
    type: 'documents',
    url: `${server.url}/sign`,
    document,
    expected,
    count,
    atOnce: 1,
  } as const
  const subject = (suffix: string, what: string, changes: Partial<DocumentsOrder> = {}): Subject => ({
    name: `document-${name}-${suffix}`,
    what: `document, ${name.replace(/(?<=\d)(?=[a-zA-Z])/, ' ')}, ${what}`,
    main: 'seconds',
    measure: () => measureDocuments(bench, server, { ...order, ...changes }),
  })
  const late = { document: { size, hashAlgorithm: 'behind' } } as const
  return [
    subject('1', 'one at a time'),
    ...(behind ? [subject('1-behind', 'one at a time, hash_algorithm behind the contents', late)] : []),
    subject(`${AT_ONCE}`, 'eight at once', { atOnce: AT_ONCE, count: Math.max(AT_ONCE, count) }),
  ]
}

async function measureDocuments({ load }: Bench, server: Server, order: DocumentsOrder): Promise<Measured> {
  const { pid } = server
  await server.collectGarbage()
  await delay(SETTLE_MS)
  const idle = processFigures([pid]).rss
  resetPeakMemory(pid)
  await server.watchLoop()
  const before = cpuTime([pid])
  let [after, peak, loop]: [number, number, LoopDelay] = [0, 0, { p99: 0, max: 0 }]
  const { measured, answers } = await load.run(order, {
    begin: () => {},
    end: async () => {
      after = cpuTime([pid])
      peak = peakMemory(pid)
      loop = await server.tellLoop()
    },
  })
  const { size } = order.document
  const figures = {
    // Of a document, or of eight that are sent at once
    seconds: (measured.seconds * order.atOnce) / order.count,
    megabyteCpu: (after - before) / ((order.count * size) / MB),
    peak: ((peak - idle) * KIB) / MB,
    loopP99: loop.p99,
    loopMax: loop.max,
  }
  return { figures, answers }
}
