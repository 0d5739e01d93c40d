/** The figures as a picture: four panels, one below the other. */
import { BarChart, LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import type { Line } from '../figures.ts'
import { PANELS, type Panel } from './panels.ts'

use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])

const WIDTH = 900
const HEIGHT = 1_160
const TOP = 10
const ROW = 290
/** Of a panel: its title, its legend, and what is drawn. */
const PLOT = { left: 80, right: 40, top: 58, height: 170 }

/** SVG with a background of its own: what shows it may be light or dark. */
export function drawPlot(lines: readonly Line[]): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT })
  const panels = PANELS.map((panel) => panel(lines))
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'Helvetica, Arial, sans-serif' },
    title: panels.map(titleOf),
    legend: panels.map(legendOf),
    grid: panels.map((_, row) => ({ ...PLOT, top: topOf(row) + PLOT.top })),
    xAxis: panels.map(({ x, categories }, row) => ({
      ...{
        type: 'category',
        data: [...categories],
        gridIndex: row,
        name: x,
        nameLocation: 'middle',
        nameGap: 26,
      },
      ...{
        axisTick: { alignWithLabel: true },
        nameTextStyle: { color: '#444' },
        axisLabel: { color: '#222' },
      },
    })),
    yAxis: panels.map(({ y }, row) => ({
      ...{ type: 'value', gridIndex: row, name: y, nameLocation: 'middle', nameGap: 55, min: 0 },
      ...{ nameTextStyle: { color: '#444' }, axisLabel: { color: '#222' } },
    })),
    series: panels.flatMap(({ series }, row) =>
      series.map((one) => ({ ...one, xAxisIndex: row, yAxisIndex: row })),
    ),
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}

function topOf(row: number): number {
  return TOP + row * ROW
}

function titleOf({ title }: Panel, row: number) {
  return { text: title, left: 20, top: topOf(row), textStyle: { fontSize: 15, color: '#111' } }
}

function legendOf({ series }: Panel, row: number) {
  return {
    ...{ data: series.map(({ name }) => name), left: 76, top: topOf(row) + 26 },
    ...{ icon: 'rect', itemWidth: 18, itemHeight: 5, itemGap: 24, textStyle: { color: '#222' } },
  }
}
