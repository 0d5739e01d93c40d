import { mock } from 'node:test'
import { pino } from 'pino'
import t from 'tap'
import { FileReloading } from '../../src/configuration/file-reloading.ts'

t.test('what cannot be read at all changes nothing, and is read again', async (t) => {
  const taken: string[] = []
  const errors: string[] = []
  let isAway = true
  const reloading = new FileReloading({
    what: 'the access',
    files: ['file'],
    intervalMs: 0,
    load: () => {
      if (isAway) {
        throw Object.assign(new Error('too many files'), { code: 'EMFILE' })
      }
      return { content: 'tokens', problems: [], warnings: ['others may read it'] }
    },
    take: (content) => ({ taken: taken.push(content) }),
    log: pino({}, { write: (line) => errors.push(line) }),
  })
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  reloading.reload()
  reloading.reload()
  t.same(taken, [])
  t.equal(errors.filter((line) => line.includes('the access cannot be read (EMFILE)')).length, 1)
  isAway = false
  mock.timers.tick(15_000)
  t.same(taken, ['tokens'])
  const warned = () => errors.filter((line) => line.includes('"msg":"others may read it"')).length
  t.equal(warned(), 1)
  await reloading.start()
  t.equal(warned(), 1, 'the start has its own warnings')
  reloading.stop()
})
