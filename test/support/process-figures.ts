/** What a process holds and has used, as Linux tells it in /proc. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** USER_HZ, which is 100 on every architecture that Linux still runs Node.js on. */
const TICK_MS = 10

export interface ProcessFigures {
  readonly threads: number
  readonly fileDescriptors: number
  /** Resident memory in KiB. */
  readonly rss: number
}

/** Figures of processes, added up. */
export function processFigures(pids: readonly number[]): ProcessFigures {
  const sum = { threads: 0, fileDescriptors: 0, rss: 0 }
  for (const pid of pids) {
    sum.threads += statusOf(pid, 'Threads')
    sum.rss += statusOf(pid, 'VmRSS')
    sum.fileDescriptors += readdirSync(`/proc/${pid}/fd`).length
  }
  return sum
}

/** The processes that a process has started and that still are. */
export function childrenOf(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`)
  return tasks.flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}

/** Processor time that processes have used since they began, in ms, in steps of 10. */
export function cpuTime(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    // After the name, which may hold anything: state is field 3, utime and stime are 14 and 15
    const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(/\) (?=\S )/)
    const [utime, stime] = fields.split(' ').slice(11, 13).map(Number)
    return sum + (Number(utime) + Number(stime)) * TICK_MS
  }, 0)
}

/**
 * Resident memory, in KiB, of processes of the same program, whose pages of files count once, as in the limit of a container:
 * nearly all of these are Node.js itself and shared libraries.
 */
export function memoryTogether(pids: readonly number[]): number {
  const own = pids.reduce((sum, pid) => sum + statusOf(pid, 'RssAnon'), 0)
  return own + Math.max(...pids.map((pid) => statusOf(pid, 'RssFile')))
}

/** The most resident memory of a process since it began, or since `resetPeakMemory`, in KiB. */
export function peakMemory(pid: number): number {
  return statusOf(pid, 'VmHWM')
}

/** Has `peakMemory` begin anew. */
export function resetPeakMemory(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

function statusOf(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(status.match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'))?.[1])
}
