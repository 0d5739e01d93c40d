import pino from 'pino'
import t from 'tap'
import { RepeatedWarning } from '../../src/common/repeated-warning.ts'

t.test(
  'a warning is logged when it is new, once a minute while it goes on, and when it comes again',
  async (t) => {
    let now = 0
    t.intercept(performance, 'now', { value: () => now })
    const logged: string[] = []
    const warning = new RepeatedWarning(pino({}, { write: (line) => logged.push(JSON.parse(line).msg) }))
    for (; now < 100_000; now += 1_000) {
      warning.warn('away')
      if (now === 30_000) {
        warning.warn('another')
      }
    }
    t.same(logged, ['away', 'another', 'away'])
    warning.reset()
    warning.warn('away')
    t.equal(logged.length, 4)
  },
)
