import { Writable } from 'node:stream'
import t from 'tap'
import { writePart } from '../../../src/cli/audit/records.ts'
import type { Io } from '../../../src/cli/io.ts'

t.test('a part is written when its reader has taken the one before', async (t) => {
  let taken = ''
  const output = new Writable({
    highWaterMark: 1,
    write(chunk, _, done) {
      setImmediate(() => {
        taken += chunk
        done()
      })
    },
  })
  t.ok(await writePart({ output } as unknown as Io, 'one'))
  t.equal(taken, 'one')
  t.ok(await writePart({ output } as unknown as Io, 'two'))
  t.equal(taken, 'onetwo')
  t.same(
    output.eventNames().filter((name) => name === 'drain'),
    [],
  )
})
