/** Whether a service that has lived through the scenarios still gives back what it takes. */
import { childrenOf, type ProcessFigures, processFigures } from '../support/process-figures.ts'
import { hsmStatus } from '../support/signing.ts'
import { collectGarbage } from './garbage.ts'
import { Load } from './load.ts'
import type { Timing } from './run-scenario.ts'
import type { Stage } from './stage.ts'

/** Requests until caches are filled, code is compiled and heaps have their size, which takes memory once. */
const WARM_UP = 8_000
/** The figures are taken after each block of requests. */
const BLOCK = 1_000
const BLOCKS = 10
/**
 * KiB between the least of the first five blocks and the least of the second, after a garbage collection each. Over 50,000
 * requests after the warm-up they rose by less than 2 MiB in either process, with steps of 1 MiB in both directions. A leak
 * of one kilobyte a request would show as 5,000 KiB.
 */
const RSS_TOLERANCE = 4_096

export interface Figures {
  /** C_OpenSession calls without their C_CloseSession, in the signer processes that are alive. */
  readonly openSessions: number
  /** What /health/ready counts, in any state. */
  readonly healthSessions: number
  readonly http: ProcessFigures
  readonly signer: ProcessFigures
}

export interface Growth {
  readonly before: Figures
  readonly after: Figures
  /** After each thousand requests between the two. */
  readonly blocks: readonly Figures[]
  /** KiB by which the least memory of the second half is above that of the first. */
  readonly rss: { readonly http: number; readonly signer: number }
  /** What has grown, in words. */
  readonly missed: readonly string[]
}

/** Measures, has 10,000 requests signed, and measures again; on a stage whose processes collect garbage when told to. */
export async function measureGrowth(stage: Stage, timing: Timing): Promise<Growth> {
  await stage.settle()
  await sign(stage, timing, WARM_UP)
  const before = await measure(stage)
  const blocks: Figures[] = []
  let failed = 0
  for (let block = 0; block < BLOCKS; block++) {
    failed += await sign(stage, timing, BLOCK)
    blocks.push(await measure(stage))
  }
  const after = blocks.at(-1) ?? before
  const rss = {
    http: rise(blocks.map(({ http }) => http.rss)),
    signer: rise(blocks.map(({ signer }) => signer.rss)),
  }
  const conditions: [boolean, string][] = [
    [failed === 0, `${failed} of the requests were not signed`],
    [after.openSessions <= before.openSessions, 'sessions that C_CloseSession was not called for'],
    [after.healthSessions <= before.healthSessions, 'sessions'],
    [after.http.threads <= before.http.threads, 'threads of the HTTP process'],
    [after.signer.threads <= before.signer.threads, 'threads of the signer process'],
    [after.http.fileDescriptors <= before.http.fileDescriptors, 'file descriptors of the HTTP process'],
    [after.signer.fileDescriptors <= before.signer.fileDescriptors, 'file descriptors of the signer process'],
    [rss.http <= RSS_TOLERANCE, 'memory of the HTTP process'],
    [rss.signer <= RSS_TOLERANCE, 'memory of the signer process'],
  ]
  return {
    before,
    after,
    blocks,
    rss,
    missed: conditions.filter(([holds]) => !holds).map(([, what]) => what),
  }
}

/** @returns how many were not signed */
async function sign(stage: Stage, timing: Timing, requests: number): Promise<number> {
  const load = new Load({ ...timing, url: stage.url, judge: stage.judge })
  load.start(timing.clients, requests)
  await load.drained()
  const { wrong } = await stage.judge.verifySamples()
  return load.answered.filter(({ outcome }) => outcome !== 'signed').length + wrong.length
}

async function measure(stage: Stage): Promise<Figures> {
  const signers = childrenOf(stage.pid)
  // Connections of the load are closed meanwhile
  await collectGarbage([stage.pid, ...signers])
  const { sessions } = await hsmStatus(stage.url)
  const opened = (pid: number) =>
    stage.calls.count('C_OpenSession', pid) - stage.calls.count('C_CloseSession', pid)
  return {
    openSessions: signers.reduce((sum, pid) => sum + opened(pid), 0),
    healthSessions: Object.values(sessions).reduce((sum, count) => sum + count, 0),
    http: processFigures([stage.pid]),
    signer: processFigures(signers),
  }
}

/** The least of the second half above the least of the first. */
function rise(values: readonly number[]): number {
  const middle = Math.floor(values.length / 2)
  return Math.min(...values.slice(middle)) - Math.min(...values.slice(0, middle))
}
