/** What the parts measure with. */
import { cpuTime } from '../support/process-figures.ts'
import { BUSY, type Line, type LineKind, lineOf, type Measured, RIGHT, valuesOf } from './figures.ts'
import type { LoadGenerator } from './load/load-generator.ts'
import type { CheckedRequest } from './load/messages.ts'
import type { Material } from './material.ts'
import type { LoopDelay } from './processes/event-loop-watch.ts'
import type { Server } from './processes/server.ts'
import type { Settings } from './settings.ts'

export interface Bench {
  readonly settings: Settings
  readonly material: Material
  readonly load: LoadGenerator
  /** Says what is being done. */
  note(what: string): void
}

/** Something that is measured in each round. */
export interface Subject extends LineKind {
  /** What its main figure stands beside: that of another subject, by its name, or a number. */
  readonly reference?: { readonly what: string; readonly value: string | number }
  measure(): Promise<Measured>
}

/** One part of what is measured. */
export interface Part {
  readonly name: string
  /** In a few words, for the usage. */
  readonly what: string
  run(bench: Bench): Promise<Line[]>
}

/** Measures all subjects in each round, so that those that are compared have the same minutes. */
export async function measureRounds(
  bench: Bench,
  part: string,
  rounds: number,
  subjects: readonly Subject[],
): Promise<Line[]> {
  const measured = new Map<string, Measured[]>()
  for (let round = 1; round <= rounds; round++) {
    bench.note(`${part}: round ${round} of ${rounds}`)
    for (const subject of subjects) {
      const before = measured.get(subject.name) ?? []
      measured.set(subject.name, [...before, await subject.measure()])
    }
  }
  const lines = new Map(subjects.map((one) => [one.name, lineOf(one, measured.get(one.name) ?? [])]))
  return subjects.map(({ reference, name }) => {
    const line = lines.get(name) as Line
    if (reference === undefined) {
      return line
    }
    const { what, value } = reference
    const other = typeof value === 'string' ? lines.get(value) : undefined
    const values = other === undefined ? valuesOf(line).map(() => Number(value)) : valuesOf(other)
    return { ...line, reference: { what, ...(other && { line: other.name }), values } }
  })
}

export interface LoadKind {
  readonly servers: readonly Server[]
  readonly requests: readonly CheckedRequest[]
  readonly inFlight: number
  /** How long a client waits that was told HSM_BUSY; not at all by default. */
  readonly afterBusyMs?: number
}

/** Loads services, without measuring, until they are as fast as they get. */
export async function warmUp({ load, settings }: Bench, kind: LoadKind): Promise<void> {
  await load.run({ ...orderOf(kind), rampMs: 0, watchSeconds: 0, seconds: settings.warmUpSeconds })
}

/** Services, warmed up for a load, with the rate as main figure. */
export async function warmSubject(
  bench: Bench,
  kind: Omit<Subject, 'main' | 'measure'>,
  load: LoadKind,
): Promise<Subject> {
  await warmUp(bench, load)
  return { ...kind, main: 'rate', measure: () => measureLoad(bench, load) }
}

/** Loads services, and says what they answered and what it took. */
export async function measureLoad({ load, settings }: Bench, kind: LoadKind): Promise<Measured> {
  const { servers } = kind
  const http = servers.map(({ pid }) => pid)
  const signers = servers.flatMap((server) => server.signers)
  const cpu = () => [http, signers, [load.pid]].map(cpuTime)
  let [before, after] = [cpu(), cpu()]
  const looped = servers.filter(({ hasLoop }) => hasLoop)
  let loops: LoopDelay[] = []
  const { rampMs, seconds, watchSeconds } = settings
  const result = await load.run(
    { ...orderOf(kind), rampMs, seconds, watchSeconds },
    {
      begin: () => {
        before = cpu()
      },
      // Watching takes processor time
      end: async () => {
        after = cpu()
        await Promise.all(looped.map((server) => server.watchLoop()))
      },
      watched: async () => {
        loops = await Promise.all(looped.map((server) => server.tellLoop()))
      },
    },
  )
  const { measured, answers, longest } = result
  const right = measured.answers[RIGHT] ?? 0
  const [httpCpu, signerCpu, loadCpu] = after.map((time, index) => (time - (before[index] ?? 0)) / right) as [
    number,
    number,
    number,
  ]
  const figures = {
    rate: right / measured.seconds,
    ...measured.latency,
    longest,
    httpCpu,
    ...(signers.length > 0 && { signerCpu }),
    loadCpu,
    ...(loops.length > 0 && {
      loopP99: Math.max(...loops.map(({ p99 }) => p99)),
      loopMax: Math.max(...loops.map(({ max }) => max)),
    }),
    busy: (measured.answers[BUSY] ?? 0) / measured.seconds,
  }
  return { figures, answers }
}

function orderOf({ servers, ...load }: LoadKind) {
  return { ...load, type: 'load', urls: servers.map(({ url }) => `${url}/sign`) } as const
}
