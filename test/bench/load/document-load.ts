import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AnswerCount, outcomeOf } from './answer-count.ts'
import { documentBody } from './document.ts'
import type { DocumentsOrder, LoadMessage } from './messages.ts'

/** Sends documents, some at a time, each streamed with the speed that the service takes it. */
export async function sendDocuments(order: DocumentsOrder, tell: (message: LoadMessage) => void) {
  const agent = new Agent({ keepAlive: true })
  const answers = new AnswerCount()
  let [left, longest] = [order.count, 0]
  tell({ type: 'begun' })
  const begin = performance.now()
  await Promise.all(
    Array.from({ length: order.atOnce }, async () => {
      for (; left > 0; ) {
        left -= 1
        const sentAt = performance.now()
        answers.add(await sendDocument(order, agent))
        longest = Math.max(longest, performance.now() - sentAt)
      }
    }),
  )
  const seconds = (performance.now() - begin) / 1_000
  agent.destroy()
  tell({
    type: 'over',
    measured: { seconds, answers: answers.all, latency: { p50: 0, p99: 0, p999: 0 } },
  })
  tell({ type: 'watched' })
  tell({ type: 'drained', answers: answers.all, longest })
}

async function sendDocument({ url, document, expected }: DocumentsOrder, agent: Agent): Promise<string> {
  try {
    const outgoing = request(url, { method: 'POST', headers: { 'content-type': 'application/json' }, agent })
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
    const [[answer]] = await Promise.all([
      answered,
      pipeline(Readable.from(documentBody(document)), outgoing),
    ])
    return outcomeOf(answer.statusCode ?? 0, Buffer.concat(await answer.toArray()), expected)
  } catch {
    return 'no answer'
  }
}
