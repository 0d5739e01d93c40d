/** What the panels of the plot show. */
import { type FigureName, type Line, valuesOf } from '../figures.ts'
import { spreadOf } from '../statistics.ts'

export interface Panel {
  readonly title: string
  /** Names of the axes. */
  readonly x: string
  readonly y: string
  readonly categories: readonly string[]
  readonly series: readonly Series[]
}

interface Series {
  readonly type: 'line' | 'bar'
  readonly name: string
  readonly data: readonly (number | null)[]
  readonly [option: string]: unknown
}

/** Told apart by those who see few colours too. */
const COLORS = { blue: '#0072b2', orange: '#d55e00', green: '#009e73', grey: '#777777', yellow: '#e69f00' }

export const PANELS: readonly ((lines: readonly Line[]) => Panel)[] = [rate, simulated, cpu, memory]

function rate(lines: readonly Line[]): Panel {
  const inFlight = numbersOf(lines, 'raw-')
  const named = (prefix: string) => inFlight.map((count) => medianOf(lines, `${prefix}${count}`))
  const level = (name: string) => inFlight.map(() => medianOf(lines, name))
  return {
    title: 'Signatures a second on SoftHSM',
    x: 'requests in flight',
    y: 'a second',
    categories: inFlight.map(String),
    series: [
      line('raw', named('raw-'), COLORS.blue),
      line('PKCS#7, 35 kB', named('pkcs7-'), COLORS.orange),
      dashed('bare token, no HTTP', level(bareOf(lines)), COLORS.grey),
      dashed('naive service, 32 in flight', level('naive'), COLORS.green),
    ],
  }
}

function simulated(lines: readonly Line[]): Panel {
  const sessions = numbersOf(lines, 'simulated-')
  const names = sessions.map((count) => `simulated-${count}`)
  const most = Math.max(0, ...names.map((name) => medianOf(lines, name) ?? 0))
  // What lies far above what was reached would make that flat
  const allowed = names
    .map((name) => lines.find((one) => one.name === name)?.reference?.values[0] ?? null)
    .map((value) => (value !== null && value <= 2 * most ? value : null))
  return {
    title: 'Signatures a second on a simulated network HSM, 5 ms a signature',
    x: 'sessions',
    y: 'a second',
    categories: sessions.map(String),
    series: [
      line(
        'raw',
        names.map((name) => medianOf(lines, name)),
        COLORS.blue,
      ),
      dashed('sessions / 5 ms', allowed, COLORS.grey),
      dashed(
        'naive service',
        names.map(() => medianOf(lines, 'simulated-naive')),
        COLORS.green,
      ),
    ],
  }
}

function cpu(lines: readonly Line[]): Panel {
  const names = lines.map(({ name }) => name).filter((name) => /^(raw|pkcs7)-\d+$/.test(name))
  const bare = medianOf(lines, bareOf(lines), 'tokenCpu') ?? 0
  const bar = (name: string, data: readonly (number | null)[], color: string): Series => ({
    ...{ type: 'bar', stack: 'cpu', name, data, itemStyle: { color }, barMaxWidth: 44 },
  })
  return {
    title: 'CPU a request on SoftHSM',
    x: 'requests in flight',
    y: 'ms',
    categories: names.map((name) => name.replace('pkcs7', 'PKCS#7').replace('-', ', ')),
    series: [
      bar(
        'HTTP process',
        names.map((name) => medianOf(lines, name, 'httpCpu')),
        COLORS.blue,
      ),
      bar(
        'signer process, beside the token',
        names.map((name) => Math.max(0, (medianOf(lines, name, 'signerCpu') ?? 0) - bare)),
        COLORS.yellow,
      ),
      bar(
        'the token itself',
        names.map(() => bare),
        COLORS.grey,
      ),
    ],
  }
}

function memory(lines: readonly Line[]): Panel {
  const sizes = lines.flatMap(({ name }) => name.match(/^document-(.*)-1$/)?.[1] ?? [])
  const named = (atOnce: number) => sizes.map((size) => medianOf(lines, `document-${size}-${atOnce}`, 'peak'))
  return {
    title: 'Most memory of the HTTP process above idle',
    x: 'size of the document',
    y: 'MB',
    categories: sizes.map((size) => size.replace(/(?<=\d)(?=[a-zA-Z])/, ' ')),
    series: [line('one at a time', named(1), COLORS.blue), line('eight at once', named(8), COLORS.orange)],
  }
}

function line(name: string, data: readonly (number | null)[], color: string): Series {
  return { type: 'line', name, data, symbolSize: 7, lineStyle: { color, width: 2 }, itemStyle: { color } }
}

function dashed(name: string, data: readonly (number | null)[], color: string): Series {
  const lineStyle = { color, width: 2, type: 'dashed' }
  return { type: 'line', name, data, symbol: 'none', lineStyle, itemStyle: { color } }
}

/** The bare token with as many sessions as the service has. */
function bareOf(lines: readonly Line[]): string {
  return lines.find(({ name }) => name === 'naive')?.reference?.line ?? ''
}

/** What follows the prefix in names of lines, where it is a number. */
function numbersOf(lines: readonly Line[], prefix: string): number[] {
  return lines
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name }) => Number(name.slice(prefix.length)))
    .filter((number) => !Number.isNaN(number))
}

function medianOf(lines: readonly Line[], wanted: string, figure?: FigureName): number | null {
  const found = lines.find(({ name }) => name === wanted)
  const values = found && (figure === undefined ? valuesOf(found) : found.figures[figure])
  return values === undefined ? null : Number(spreadOf(values).median.toFixed(3))
}
