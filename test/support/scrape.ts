import { type Answer, send, type TlsOptions } from './http.ts'

/** The answer of `GET /metrics`, and its samples: value by name and labels as they stand there. */
export interface Scrape {
  readonly answer: Answer
  readonly text: string
  readonly samples: ReadonlyMap<string, number>
}

export async function scrape(url: string, tls?: TlsOptions): Promise<Scrape> {
  const answer = await send(`${url}/metrics`, { tls })
  const text = answer.body.toString('utf8')
  return { answer, text, samples: readSamples(text) }
}

/** Name and labels, as `name{label="value"}`, to value. */
export function readSamples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ')
      return [line.slice(0, end), Number(line.slice(end + 1))]
    }),
  )
}

/** Types of metrics by name, as `gauge`. */
export function typesOf(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [`${name}`, `${type}`]))
}
