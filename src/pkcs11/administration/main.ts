/**
 * The process that works on a token for the command line: it carries out one order and ends. A process of its own,
 * since only from outside can an end be made of a library that hangs or crashes.
 */
import { startWatchdog } from '../process/start-watchdog.ts'
import { deleteCertificate, importCertificate, listCertificates } from './certificates.ts'
import { explain } from './failure.ts'
import { generateKey, listKeys } from './keys.ts'
import type { Answer, FromAdministration, Order, OrderType, Progress, ResultOf } from './messages.ts'
import { closeLibrary, withSession } from './session.ts'
import { listTokens } from './tokens.ts'

type Tell = (progress: Progress) => Promise<void>

async function carryOut(order: Order, tell: Tell): Promise<ResultOf<OrderType>> {
  switch (order.type) {
    case 'tokens':
      return listTokens(order.library)
    case 'keys':
      return withSession(order.access, listKeys)
    case 'keygen':
      return withSession(order.access, (session) => generateKey(session, order.request))
    case 'import-cert':
      return withSession(order.access, (session) => importCertificate(session, order.request))
    case 'certs':
      return withSession(order.access, listCertificates)
    case 'delete-cert':
      return withSession(order.access, (session) => deleteCertificate(session, order.fingerprint))
    case 'check': {
      // It alone verifies signatures, and takes longer to load than the rest together
      const { checkToken } = await import('./check.ts')
      for (const progress of checkToken(order.access, order.request)) {
        await tell(progress)
      }
      return null
    }
  }
}

async function answer(order: Order): Promise<Answer> {
  try {
    return { type: 'done', result: await carryOut(order, (progress) => send({ type: 'progress', progress })) }
  } catch (error) {
    return { type: 'failed', failure: explain(error) }
  }
}

/** Settles when the message is on its way: the next call may block this thread for ever. */
function send(message: FromAdministration): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()))
}

// Before anything can hang
startWatchdog(Number(process.argv[2]), 0)
process.once('message', async (order: Order) => {
  await send(await answer(order))
  try {
    closeLibrary()
  } finally {
    process.exit()
  }
})
