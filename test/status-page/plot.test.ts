import t from 'tap'
import { drawBars, drawLines } from '../../src/status-page/plot.ts'

const show = (most: number) => `${most} at most`

t.test('bars stand on each other, and none is where there is nothing', async (t) => {
  const series = [
    { className: 'below', values: [1, 0, undefined] },
    { className: 'above', values: [3, 2, undefined] },
  ]
  const { text } = drawBars({ label: 'bars', series, show })
  const bars = [...text.matchAll(/<rect class="(\w+)" x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"\/>/g)]
  t.strictSame(
    bars.map(([, ...parts]) => parts.join(' ')),
    ['below 0 60 80 20', 'above 0 0 80 60', 'above 100 40 80 40'],
  )
  t.match(text, '<p>4 at most</p>')
})

t.test('a line is broken where there is no value, and one value alone is a dot', async (t) => {
  const series = [{ className: 'line', values: [2, 4, undefined, 1] }]
  t.match(drawLines({ label: 'lines', series, show }).text, 'd="M37.5 40h0L112.5 0M262.5 60h0"')
})

t.test('without any value the axis has no figure', async (t) => {
  const { text } = drawLines({ label: 'lines', series: [{ className: 'line', values: [undefined] }], show })
  t.match(text, '<p></p>')
})
