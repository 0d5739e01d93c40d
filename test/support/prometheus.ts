/** Prometheus itself, with rules whose times are short. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { send } from './http.ts'
import { repositoryPath } from './repository.ts'
import { until } from './signing.ts'

const RULES = repositoryPath('docker/monitoring/alerts.yaml')

export function hasPrometheus(): boolean {
  try {
    execFileSync('prometheus', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Prometheus {
  readonly url: string
  /** Replaces what is scraped, each by host and port. */
  scrapes(...targets: string[]): void
  /**
   * Evaluates an expression now.
   *
   * @throws Error with what Prometheus says if it is none
   */
  query(expression: string): Promise<Sample[]>
}

/** Starts it on this port and waits until it answers; it is killed with the test. It scrapes and evaluates each second. */
export async function startPrometheus(
  t: { teardown(act: () => unknown): void },
  directory: string,
  port: number,
): Promise<Prometheus> {
  mkdirSync(directory, { recursive: true })
  const path = (name: string) => join(directory, name)
  const scrapes = (...targets: string[]) => {
    writeFileSync(path('targets.new'), JSON.stringify([{ targets }]))
    renameSync(path('targets.new'), path('targets.json'))
  }
  scrapes()
  writeFileSync(path('alerts.yaml'), shortenTimes(readFileSync(RULES, 'utf8')))
  const configuration = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['alerts.yaml'],
    scrape_configs: [
      { job_name: 'signing-service', file_sd_configs: [{ files: ['targets.json'], refresh_interval: '1s' }] },
    ],
  }
  // JSON is YAML
  writeFileSync(path('prometheus.yml'), JSON.stringify(configuration))
  const child = spawn(
    'prometheus',
    [
      `--config.file=${path('prometheus.yml')}`,
      `--storage.tsdb.path=${path('data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const kill = () => child.kill('SIGKILL')
  // Where the test ends without its teardown, too
  process.once('exit', kill)
  const exited = once(child, 'exit')
  t.teardown(() => {
    kill()
    return exited
  })
  const url = `http://127.0.0.1:${port}`
  await until('Prometheus answers', async () => {
    const answer = await send(`${url}/-/ready`).catch(() => undefined)
    return answer?.statusCode === 200
  })
  return {
    url,
    scrapes,
    async query(expression) {
      const answer = await send(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`)
      const { status, error, data } = answer.json() as {
        status: string
        error?: string
        data: { result: { metric: Record<string, string>; value: [number, string] }[] }
      }
      if (status !== 'success') {
        throw new Error(`${expression}: ${error}`)
      }
      return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
    },
  }
}

/** Makes a second of each minute that rules wait or look back for. An hour, a day and a week stay what they are. */
function shortenTimes(rules: string): string {
  return rules.replaceAll(/(?<=\[|for: |interval: )(\d+)m\b/g, '$1s')
}
