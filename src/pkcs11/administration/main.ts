/**
 * The process that works on a token for the command line: it carries out one order and ends. A process of its own,
 * since only from outside can an end be made of a library that hangs or crashes.
 */
import { startWatchdog } from '../process/start-watchdog.ts'
import { explain } from './failure.ts'
import { generateKey } from './key-generation.ts'
import { listKeys } from './keys.ts'
import type { Answer, Order, OrderType, ResultOf } from './messages.ts'
import { withSession } from './session.ts'
import { listTokens } from './tokens.ts'

function carryOut(order: Order): ResultOf<OrderType> {
  switch (order.type) {
    case 'tokens':
      return listTokens(order.module)
    case 'keys':
      return withSession(order.access, listKeys)
    case 'keygen':
      return withSession(order.access, (session) => generateKey(session, order.request))
  }
}

function answer(order: Order): Answer {
  try {
    return { type: 'done', result: carryOut(order) }
  } catch (error) {
    return { type: 'failed', failure: explain(error) }
  }
}

// Before anything can hang
startWatchdog(Number(process.argv[2]), 0)
process.once('message', (order: Order) => {
  process.send?.(answer(order), undefined, undefined, () => process.exit())
})
