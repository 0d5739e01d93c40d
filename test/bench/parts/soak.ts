/** Whether anything grows in minutes of mixed requests. */
import { type ProcessFigures, processFigures } from '../../support/process-figures.ts'
import { type Bench, type Part, warmUp } from '../bench.ts'
import { type Answers, type FigureName, type Line, type LineKind, lineOf, RIGHT } from '../figures.ts'
import type { CheckedRequest, LoadOrder } from '../load/messages.ts'
import { Server } from '../processes/server.ts'
import { learnRequest } from '../requests.ts'
import { slopeOf } from '../statistics.ts'

/** What each of those in flight asks for. */
const MIXTURE = ['raw', 'pkcs7', 'raw', 'pkcs7', 'raw', 'pkcs7', 'raw', 'certificates'] as const
/**
 * V8 collects a session's garbage when it is 3 MB, after some 10,000 signatures or more. Each of two sessions makes as many
 * in less than a minute, so that what is left after minutes is growth.
 */
const SESSIONS = 2
const HOUR_S = 3_600
const MB = 1e6
const KIB = 1024

/** One look. */
interface Sample {
  /** Since the beginning. */
  readonly seconds: number
  readonly http: ProcessFigures
  readonly signer: ProcessFigures
  readonly p50: number
  readonly p99: number
  readonly rate: number
  readonly answers: Answers
}

export const soak: Part = {
  name: 'soak',
  what: 'minutes of mixed requests, and what grows meanwhile',
  async run(bench) {
    const { soakMinutes, soakEveryMs } = bench.settings
    if (soakMinutes === 0) {
      return []
    }
    const server = await Server.start('service', {
      ...bench.material.softhsm,
      HSM_SESSIONS: `${SESSIONS}`,
    })
    try {
      const requests: CheckedRequest[] = []
      for (const kind of MIXTURE) {
        requests.push(await learnRequest(server.url, kind, bench.material))
      }
      const inFlight = MIXTURE.length
      await warmUp(bench, { servers: [server], requests, inFlight })
      bench.note(`soak: ${soakMinutes} minutes`)
      const urls = [`${server.url}/sign`]
      const order = {
        type: 'load',
        urls,
        requests,
        inFlight,
        rampMs: 0,
        watchSeconds: 0,
        seconds: soakEveryMs / 1_000,
      } as const
      return linesOf(await play(bench, server, order, soakMinutes * 60))
    } finally {
      await server.end()
    }
  },
}

async function play({ load }: Bench, server: Server, order: LoadOrder, seconds: number): Promise<Sample[]> {
  const samples: Sample[] = []
  const begin = performance.now()
  const elapsed = () => (performance.now() - begin) / 1_000
  do {
    let looked: Pick<Sample, 'seconds' | 'http' | 'signer'> | undefined
    const { measured, answers } = await load.run(order, {
      // While its connections are open
      end: () => {
        looked = {
          seconds: elapsed(),
          http: processFigures([server.pid]),
          signer: processFigures(server.signers),
        }
      },
    })
    const rate = (measured.answers[RIGHT] ?? 0) / measured.seconds
    samples.push({ ...(looked as unknown as Sample), ...measured.latency, rate, answers })
  } while (elapsed() < seconds)
  return samples
}

/** Growth is that of the second half: caches have been filled, and code has been compiled by then. */
function linesOf(samples: readonly Sample[]): Line[] {
  const half = samples.slice(Math.floor(samples.length / 2))
  const growth = (figure: (sample: Sample) => number) =>
    slopeOf(half.map((sample) => [sample.seconds / HOUR_S, figure(sample)] as const))
  const line = (
    kind: LineKind,
    growths: Partial<Record<FigureName, number>>,
    looks: Partial<Record<FigureName, (sample: Sample) => number>>,
  ): Line => {
    const empty = lineOf(kind, [{ figures: growths }])
    const seen = Object.entries(looks).map(([name, figure]) => [name, samples.map(figure)])
    return { ...empty, figures: { ...empty.figures, ...Object.fromEntries(seen) } }
  }
  const ofProcess = (process: 'http' | 'signer', what: string) =>
    line(
      { name: `soak-${process}`, what: `soak, ${what}`, main: 'memoryGrowth' },
      {
        memoryGrowth: growth((sample) => (sample[process].rss * KIB) / MB),
        descriptorGrowth: growth((sample) => sample[process].fileDescriptors),
        threadGrowth: growth((sample) => sample[process].threads),
      },
      {
        [`${process}Memory`]: (sample: Sample) => (sample[process].rss * KIB) / MB,
        descriptors: (sample) => sample[process].fileDescriptors,
        threads: (sample) => sample[process].threads,
      },
    )
  const latency = line(
    { name: 'soak-latency', what: 'soak, 8 in flight: raw, PKCS#7, certificates', main: 'latencyGrowth' },
    { latencyGrowth: growth(({ p50 }) => p50) },
    {
      seconds: ({ seconds }) => seconds,
      p50: ({ p50 }) => p50,
      p99: ({ p99 }) => p99,
      rate: ({ rate }) => rate,
    },
  )
  const { answers } = lineOf(
    latency,
    samples.map((sample) => ({ figures: {}, answers: sample.answers })),
  )
  return [ofProcess('http', 'HTTP process'), ofProcess('signer', 'signer process'), { ...latency, answers }]
}
