import t from 'tap'
import { Channel, lengthAfter } from '../../../src/pkcs11/process/channel.ts'

t.test('a channel that another has closed is no end: it is an error', async (t) => {
  t.throws(() => new Channel(1_000_000).orders().next(), { code: 'EBADF' })
})

t.test('a read that a signal has interrupted is repeated', async (t) => {
  t.equal(lengthAfter(Object.assign(new Error(), { code: 'EINTR' })), undefined)
  t.equal(lengthAfter(Object.assign(new Error(), { code: 'ECONNRESET' })), 0)
})
