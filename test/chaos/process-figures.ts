/** What a process holds, as Linux tells it in /proc. */
import { readdirSync, readFileSync } from 'node:fs'

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
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const field = (name: string) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'))?.[1])
    sum.threads += field('Threads')
    sum.rss += field('VmRSS')
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
