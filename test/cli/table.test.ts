import t from 'tap'
import { formatTable, yesNo } from '../../src/cli/table.ts'

t.test('columns are aligned, and lines have no spaces at their ends', async (t) => {
  t.equal(
    formatTable(
      ['A', 'LONG'],
      [
        ['wide cell', 'x'],
        ['', 'y'],
      ],
    ),
    'A          LONG\nwide cell  x\n-          y\n',
  )
})

t.test('what comes from a token cannot steer the terminal', async (t) => {
  t.equal(
    formatTable(['A'], [['\u001b[2Jgone\n'], ['\u0085\u202e']]),
    'A\n\\u{1b}[2Jgone\\u{a}\n\\u{85}\\u{202e}\n',
  )
})

t.test('unknown is not no', async (t) => t.same([true, false, null].map(yesNo), ['yes', 'no', 'unknown']))
