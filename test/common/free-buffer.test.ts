import { randomBytes } from 'node:crypto'
import t from 'tap'
import { freeBuffer } from '../../src/common/free-buffer.ts'

/** Node.js 20 cannot detach an ArrayBuffer. */
const canFree = 'transfer' in ArrayBuffer.prototype

t.test('the memory of a buffer is freed', async (t) => {
  const buffer = Buffer.allocUnsafeSlow(100_000)
  freeBuffer(buffer)
  t.equal(buffer.buffer.byteLength, canFree ? 0 : 100_000)
  freeBuffer(buffer)
})

t.test('parts of others are left, such as short ones, which share memory', async (t) => {
  const whole = randomBytes(20_000)
  const short = Buffer.from('short')
  for (const part of [whole.subarray(1), whole.subarray(0, 19_999), short, short.subarray(0, 0)]) {
    freeBuffer(part)
  }
  t.equal(whole.length, 20_000)
  t.equal(`${short}`, 'short')
})
