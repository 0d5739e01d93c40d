/** The bare token: a process with a thread for each session, as the signer process is, and nothing else. */
import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { BareAnswer, BareOrder } from './bare-session.ts'

export interface BareTokenOrder extends BareOrder {
  readonly sessions: number
}

export interface BareTokenAnswer {
  readonly right: number
  readonly wrong: number
  readonly signature: Uint8Array
  readonly seconds: number
  readonly cpuMs: number
}

const SESSION = new URL(`./bare-session${extname(import.meta.filename)}`, import.meta.url)
const workers: Worker[] = []

process.on('message', async (order: BareTokenOrder) => process.send?.(await sign(order)))

async function sign({ sessions, ...order }: BareTokenOrder): Promise<BareTokenAnswer> {
  // One after another: all of them would log in at once
  while (workers.length < sessions) {
    const worker = new Worker(SESSION)
    await once(worker, 'message')
    workers.push(worker)
  }
  const [begin, used] = [performance.now(), process.cpuUsage()]
  const answers = await Promise.all(
    workers.slice(0, sessions).map(async (worker) => {
      const answered = once(worker, 'message')
      worker.postMessage(order)
      const [answer] = await answered
      return answer as BareAnswer
    }),
  )
  const { user, system } = process.cpuUsage(used)
  return {
    right: answers.reduce((sum, { right }) => sum + right, 0),
    wrong: answers.reduce((sum, { wrong }) => sum + wrong, 0),
    signature: answers[0]?.signature ?? new Uint8Array(),
    seconds: (performance.now() - begin) / 1_000,
    cpuMs: (user + system) / 1_000,
  }
}
