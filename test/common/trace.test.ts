/** The header by which a caller names the trace of a request, with the cases of W3C Trace Context. */
import t from 'tap'
import { readTraceParent } from '../../src/common/trace.ts'

const ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

t.test('a trace is taken over', async (t) => {
  const expected = { id: ID, spanId: SPAN }
  t.same(readTraceParent(`00-${ID}-${SPAN}-01`), { ...expected, isSampled: true })
  t.same(readTraceParent(`00-${ID}-${SPAN}-00`), { ...expected, isSampled: false })
  t.same(
    readTraceParent(`00-${ID}-${SPAN}-fe`),
    { ...expected, isSampled: false },
    'other flags do not matter',
  )
  t.same(readTraceParent(`01-${ID}-${SPAN}-01`), { ...expected, isSampled: true }, 'a later version')
  t.same(readTraceParent(`cc-${ID}-${SPAN}-01-what-the-future-brings`), { ...expected, isSampled: true })
})

const WRONG: Record<string, unknown> = {
  nothing: undefined,
  'an empty one': '',
  'a list': [`00-${ID}-${SPAN}-01`],
  'two in one': `00-${ID}-${SPAN}-01, 00-${ID}-${SPAN}-01`,
  'no trace': `00-${'0'.repeat(32)}-${SPAN}-01`,
  'no span': `00-${ID}-${'0'.repeat(16)}-01`,
  'upper case': `00-${ID.toUpperCase()}-${SPAN}-01`,
  'the version that is forbidden': `ff-${ID}-${SPAN}-01`,
  'more than version 00 has': `00-${ID}-${SPAN}-01-more`,
  'more without a separator': `01-${ID}-${SPAN}-01more`,
  'a short id': `00-${ID.slice(1)}-${SPAN}-01`,
  'a short span': `00-${ID}-${SPAN.slice(1)}-01`,
  'no flags': `00-${ID}-${SPAN}`,
  spaces: ` 00-${ID}-${SPAN}-01`,
  'a long one': `00-${'-'.repeat(16_000)}`,
}
for (const [what, header] of Object.entries(WRONG)) {
  t.test(`${what}: ignored`, async (t) => {
    t.equal(readTraceParent(header), undefined)
  })
}
