import t from 'tap'
import { parseArguments, USAGE } from './arguments.ts'
import { PARTS } from './parts/index.ts'
import { FULL, SHORT } from './settings.ts'

t.test('without arguments everything is measured, and written where git does not look', async (t) => {
  const { help, only, settings, json, svg, markdown } = parseArguments([])
  t.strictSame(settings, FULL)
  t.strictSame(
    { help, only: [...only], json, svg, markdown },
    {
      ...{ help: false, only: [], json: '.bench/bench.json', svg: '.bench/bench.svg', markdown: undefined },
    },
  )
})

t.test('arguments change what is measured', async (t) => {
  const args = ['--only', 'start,soak', '--rounds', '2', '--seconds', '0.5', '--soak', '0']
  const { only, settings } = parseArguments(args)
  t.strictSame([...only], ['start', 'soak'])
  t.strictSame(settings, { ...FULL, rounds: { softhsm: 2, others: 2 }, seconds: 0.5, soakMinutes: 0 })
  t.strictSame(parseArguments(['--short']).settings, SHORT)
})

t.test('what is not understood is refused', async (t) => {
  for (const [args, message] of [
    [['--only', 'start,finish'], 'there is no part finish; see --help'],
    [['--seconds', '0'], '--seconds is 0; it is a number above 0'],
    [['--soak=-1'], '--soak is -1; it is a number from 0 on'],
    [['--rounds', 'many'], '--rounds is many; it is a number above 0'],
    [['--fast'], /--fast.*see --help/],
  ] as const) {
    t.throws(() => parseArguments(args), { message })
  }
})

t.test('every part is in the usage', async (t) => {
  for (const { name, what } of PARTS) {
    t.match(USAGE, new RegExp(`^  ${name} +${what}$`, 'm'))
  }
})
