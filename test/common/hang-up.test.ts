import t from 'tap'
import { onHangUp } from '../../src/common/hang-up.ts'

t.test('a SIGHUP that came before anybody listened is told then, and each one after it', async (t) => {
  process.emit('SIGHUP')
  let told = 0
  onHangUp(() => {
    told += 1
  })
  t.equal(told, 1)
  process.emit('SIGHUP')
  process.emit('SIGHUP')
  t.equal(told, 3)
})
