/** The load generator: a process of its own, so that what it takes of the processors can be told apart. */
import { ClosedLoop } from './closed-loop.ts'
import { sendDocuments } from './document-load.ts'
import type { DocumentsOrder, LoadMessage, LoadOrder } from './messages.ts'

const tell = (message: LoadMessage) => void process.send?.(message)

process.on('message', (order: LoadOrder | DocumentsOrder) =>
  order.type === 'load' ? new ClosedLoop(order).run(tell) : sendDocuments(order, tell),
)
