/** Draws series of numbers over the last quarter of an hour as inline SVG, which `browser-parts.ts` gives its colors. */
import { type Html, html } from './html.ts'

export interface Plot {
  /** Says in words what is to be seen. */
  readonly label: string
  readonly series: readonly Series[]
  /** Shows the highest value, at the top of the axis. */
  show(most: number): string
}

export interface Series {
  /** Class of its marks. */
  readonly className: string
  readonly values: readonly (number | undefined)[]
}

const WIDTH = 300
const HEIGHT = 80

/** Draws bars, each series on top of the one before. */
export function drawBars(plot: Plot): Html {
  const count = Math.max(...plot.series.map(({ values }) => values.length))
  const places = Array.from({ length: count }, (_, place) => place)
  const stacks = places.map((place) => plot.series.map(({ values }) => values[place] ?? 0))
  const most = Math.max(0, ...stacks.map(sumOf))
  const width = WIDTH / count
  const bars = stacks.flatMap((stack, place) =>
    stack.map((value, index) => {
      const [bottom, height] = [sumOf(stack.slice(0, index)), value].map((part) => (part / most) * HEIGHT)
      return value === 0
        ? undefined
        : html`<rect class="${plot.series[index]?.className}" x="${round(place * width)}" y="${round(HEIGHT - Number(bottom) - Number(height))}" width="${round(width * 0.8)}" height="${round(Number(height))}"/>`
    }),
  )
  return frame(plot, most, html`${bars}`)
}

/** Draws lines, which are broken where there is no value. */
export function drawLines(plot: Plot): Html {
  const most = Math.max(0, ...plot.series.flatMap(({ values }) => values.map((value = 0) => value)))
  const lines = plot.series.map(({ className, values }) => {
    const step = WIDTH / values.length
    const points = values.map((value, place) => {
      const isFirst = values[place - 1] === undefined
      const [x, y] = [(place + 0.5) * step, HEIGHT * (1 - (value ?? 0) / most)].map(round)
      // A value between two that are missing is seen as a dot, by the round ends of a line without length
      return value === undefined ? '' : `${isFirst ? 'M' : 'L'}${x} ${y}${isFirst ? 'h0' : ''}`
    })
    return html`<path class="${className}" d="${points.join('')}"/>`
  })
  return frame(plot, most, html`${lines}`)
}

function frame({ label, show }: Plot, most: number, marks: Html): Html {
  return html`<div class="plot"><p>${most === 0 ? '' : show(most)}</p>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${label}">${marks}</svg>
<p><span>15 min ago</span><span>now</span></p></div>`
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
