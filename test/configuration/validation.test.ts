import t from 'tap'
import { validate } from '../../src/configuration/variables.ts'
import type { ConfigurationProblem } from '../../src/errors.ts'

t.test(
  'schemas are compiled once: what is compiled is kept, and configurations are read again',
  async (t) => {
    const given = { HSM_SESSIONS: '4', HSM_TIMEOUT_MS: '0x10' }
    const read = () => {
      const problems: ConfigurationProblem[] = []
      const { HSM_SESSIONS, HSM_TIMEOUT_MS } = validate(given, problems)
      return { HSM_SESSIONS, HSM_TIMEOUT_MS, wrong: problems.map(({ variable }) => variable) }
    }
    const first = read()
    t.strictSame(first, { HSM_SESSIONS: 4, HSM_TIMEOUT_MS: 4000, wrong: ['HSM_TIMEOUT_MS'] })
    let compiled = 0
    const { Function: original } = globalThis
    globalThis.Function = new Proxy(original, {
      construct(target, args) {
        compiled += 1
        return Reflect.construct(target, args)
      },
    })
    t.teardown(() => {
      globalThis.Function = original
    })
    t.strictSame([read(), read()], [first, first])
    t.equal(compiled, 0)
  },
)
