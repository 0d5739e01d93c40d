/** HAProxy with the configuration that is in the repository. */
import { execFileSync, spawn } from 'node:child_process'
import { repositoryPath } from './repository.ts'
import { scrape } from './scrape.ts'
import { until } from './signing.ts'

/** Debian has it where only root looks. */
const PATH = `${process.env.PATH}:/usr/sbin`

export interface Haproxy {
  /** Where it takes requests to sign. */
  readonly url: string
  /** How many replicas get requests. */
  replicas(): Promise<number>
  /** How often a request went to another replica, or to the same one again. */
  repeated(): Promise<number>
}

export interface HaproxyAddresses {
  /** Address and port, as those that follow. */
  readonly listen: string
  readonly admin: string
  readonly metrics: string
  readonly nameServer: string
  /** Name and port. */
  readonly replicas: string
  /** Further variables. */
  readonly variables?: Readonly<Record<string, string>>
}

export function hasHaproxy(): boolean {
  try {
    execFileSync('haproxy', ['-v'], { env: { ...process.env, PATH }, stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Starts it and waits until it answers; it is killed with the test. */
export async function startHaproxy(
  t: { teardown(act: () => unknown): void },
  { listen, admin, metrics, nameServer, replicas, variables = {} }: HaproxyAddresses,
): Promise<Haproxy> {
  const child = spawn('haproxy', ['-db', '-q', '-f', repositoryPath('docker/replicas/haproxy.cfg')], {
    env: {
      ...process.env,
      ...variables,
      PATH,
      BIND: listen,
      ADMIN: admin,
      METRICS: metrics,
      RESOLVER: nameServer,
      REPLICAS: replicas,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const kill = () => child.kill('SIGKILL')
  // Where the test ends without its teardown, too
  process.once('exit', kill)
  t.teardown(() => {
    process.off('exit', kill)
    kill()
  })
  const figure = async (name: string) => {
    const { samples } = await scrape(`http://${metrics}`)
    return samples.get(`haproxy_backend_${name}{proxy="replicas"}`) ?? Number.NaN
  }
  await until('HAProxy answers', () =>
    figure('active_servers').then(
      () => true,
      () => false,
    ),
  )
  return {
    url: `http://${listen}`,
    replicas: () => figure('active_servers'),
    repeated: async () =>
      (await figure('retry_warnings_total')) + (await figure('redispatch_warnings_total')),
  }
}
