/** The files for images, units, manifests and packages keep their promises to those who run the service. */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { loadAccess } from '../src/configuration/load.ts'
import { repositoryPath } from './support/repository.ts'

const read = (path: string) => readFileSync(repositoryPath(path), 'utf8')
const replicas = read('docs/replicas.md')
const values = parse(read('docker/helm/signing-service/values.yaml'))

t.test('every package of the lockfile has a hash, and none an address', async (t) => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { integrity?: string; resolved?: string }>
  }
  const { '': _, ...dependencies } = packages
  const wrong = Object.entries(dependencies).filter(
    ([, { integrity, resolved }]) => !integrity?.startsWith('sha512-') || resolved !== undefined,
  )
  t.strictSame(Object.fromEntries(wrong), {})
})

t.test('no core dumps', async (t) => {
  t.test('of what the entry point of the images starts', async (t) => {
    const limits = ['sh', '-c', 'ulimit -S -c; ulimit -H -c; echo "$1"', 'sh', 'its arguments']
    const output = execFileSync(repositoryPath('docker/entrypoint.sh'), limits, { encoding: 'utf8' })
    t.equal(output, '0\n0\nits arguments\n')
  })

  t.test('whichever image it is', async (t) => {
    for (const path of ['docker/Dockerfile', 'docker/cloudhsm/Dockerfile']) {
      for (const [line] of read(path).matchAll(/^ENTRYPOINT .*$/gm)) {
        t.match(line, /^ENTRYPOINT \["\/app\/docker\/entrypoint\.sh"[,\]]/, path)
      }
    }
    t.match(read('docker/Dockerfile'), /^ENV MALLOC_ARENA_MAX=2 UV_THREADPOOL_SIZE=16$/m)
    t.match(
      read('docker/Dockerfile'),
      /^ENTRYPOINT .*\n^CMD \["node", "--max-old-space-size=1024", "--max-semi-space-size=8", "dist\/bundle\/server\.js"\]$/m,
    )
  })

  t.test('under systemd and compose', async (t) => {
    t.match(replicas, /^LimitCORE=0$/m)
    t.match(read('compose.yaml'), /^x-hardened: &hardened\n(?: .*\n)* {2}ulimits:\n {4}core: 0\n/m)
  })
})

t.test('memory is limited', async (t) => {
  t.match(values.resources, { limits: { memory: /^\w+$/ } })
  t.match(replicas, /^MemoryMax=\w+$/m)
  t.match(read('compose.yaml'), /^x-hardened: &hardened\n(?: .*\n)* {2}mem_limit: \w+\n/m)
})

/** Returns the variables of the service `cloudhsm` of the compose file, which takes some from those that are given. */
function cloudhsmVariables(given: Readonly<Record<string, string>>): Record<string, string> {
  const [, block = ''] =
    /^ {2}cloudhsm:\n(?: {4}.*\n)*? {4}environment:\n((?: {6}.*\n)*)/m.exec(read('compose.yaml')) ?? []
  const replaced = (value: string) =>
    value.replace(/\$\{(\w+)(:?)-([^}]*)\}/, (_, name, colon, other) =>
      given[name] === undefined || (colon === ':' && given[name] === '') ? other : given[name],
    )
  return Object.fromEntries(
    [...block.matchAll(/^ +(\w+):(?: (.+))?$/gm)].map(([, name = '', value]) => [
      name,
      value === undefined ? (given[name] ?? '') : replaced(value),
    ]),
  )
}

t.test('the compose file takes users of a file, and JSON Web Tokens', async (t) => {
  const users = cloudhsmVariables({})
  t.match(users, { ACCESS: 'tokens', ACCESS_FILE: '/etc/signing-service/access.json' })
  const jwt = cloudhsmVariables({
    ACCESS: 'jwt',
    ACCESS_FILE: '',
    ACCESS_JWT_KEYS: 'https://login.example.com/keys',
    ACCESS_JWT_ISSUER: 'https://login.example.com',
    ACCESS_JWT_AUDIENCE: 'signing-service',
  })
  const { access, problems } = loadAccess(jwt)
  t.strictSame(problems, [])
  t.equal(access.configuration.kind, 'jwt')
})

t.test(
  'Prometheus and Grafana of the compose file take files of this repository, and no password',
  async (t) => {
    const { services } = parse(read('compose.yaml'), { merge: true })
    const { prometheus, grafana } = services
    for (const { profiles, volumes, ports } of [prometheus, grafana]) {
      t.strictSame(profiles, ['monitoring'])
      t.ok(ports.every((port: string) => port.startsWith('127.0.0.1:')))
      const files = volumes.filter((volume: string) => volume.startsWith('./'))
      t.ok(files.length > 0)
      for (const file of files) {
        t.ok(existsSync(repositoryPath(file.split(':')[0])), file)
      }
    }
    t.notOk(Object.keys(grafana.environment).some((name) => name.includes('PASSWORD')))
    t.match(grafana.environment, {
      GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION: 'true',
      GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
    })
    const dashboards = '/etc/grafana/dashboards'
    t.ok(grafana.volumes.includes(`./docker/monitoring/grafana/dashboards:${dashboards}:ro`))
    const provisioning = 'docker/monitoring/grafana/provisioning'
    t.equal(
      parse(read(`${provisioning}/dashboards/signing-service.yaml`)).providers[0].options.path,
      dashboards,
    )
    t.equal(
      parse(read(`${provisioning}/datasources/prometheus.yaml`)).datasources[0].url,
      'http://prometheus:9090',
    )
    const [job] = parse(read('docker/monitoring/prometheus.yml')).scrape_configs
    t.equal(job.job_name, 'signing-service', 'which alerts look for')
    const names = job.dns_sd_configs.flatMap(({ names }: { names: string[] }) => names)
    t.ok(names.every((name: string) => name in services))
  },
)

t.test('a policy says who reaches the pods', async (t) => {
  t.match(values.networkPolicy, { enabled: true, callers: [{}], monitoring: [{}] })
})

t.test('the base of the image has a digest', async (t) => {
  const stages = new Set(['base'])
  for (const [, source = '', stage = ''] of read('docker/Dockerfile').matchAll(/^FROM (\S+) AS (\w+)$/gm)) {
    t.ok(/^(\$\{NODE_IMAGE\}|\S+@sha256:[0-9a-f]{64})$/.test(source) || stages.has(source), source)
    stages.add(stage)
  }
  t.match(read('docker/Dockerfile'), /^ARG NODE_IMAGE=base$/m)
})

t.test('docker/image.sh builds for both architectures, and says of what', async (t) => {
  const directory = t.testdir({ docker: '#!/bin/sh\nprintf "%s\\n" "$@"\n' })
  chmodSync(join(directory, 'docker'), 0o755)
  const env = { ...process.env, PATH: `${directory}:${process.env.PATH}` }
  const build = [repositoryPath('docker/image.sh'), 'name', '1.2.3', '--push']
  const args = execFileSync('sh', build, { env, encoding: 'utf8' }).split('\n')
  t.match(
    args.join(' '),
    /^buildx build .*--platform linux\/amd64,linux\/arm64 --tag name:1\.2\.3 .*--push \. $/,
  )
  t.ok(args.includes('VERSION=1.2.3'))
  t.ok(args.some((argument) => /^REVISION=[0-9a-f]{40}$/.test(argument)))
  for (const name of args.flatMap((argument) => /^[A-Z]+(?==)/.exec(argument) ?? [])) {
    t.match(read('docker/Dockerfile'), new RegExp(`^ARG ${name}=`, 'm'), `${name} is known to the Dockerfile`)
  }
})

t.test('the package of a library is taken by its checksum alone', async (t) => {
  const directory = t.testdir()
  const script = join(directory, 'check-package.sh')
  copyFileSync(repositoryPath('docker/cloudhsm/check-package.sh'), script)
  const check = (...args: string[]) => spawnSync(script, args, { encoding: 'utf8' })
  const sha256 = createHash('sha256').update('package').digest('hex')
  t.match(check(sha256), { status: 1, stderr: /put one package/ })
  const file = join(directory, 'cloudhsm-pkcs11_1.0_amd64.deb')
  writeFileSync(file, 'package')
  t.match(check(), { status: 1, stderr: /name the SHA-256/ })
  t.match(check(''), { status: 1, stderr: /name the SHA-256/ })
  t.match(check('0'.repeat(64)), { status: 1, stderr: /has another SHA-256/ })
  t.match(check(sha256), { status: 0, stdout: `${file}\n` })
  writeFileSync(join(directory, 'cloudhsm-pkcs11_2.0_amd64.deb'), 'another')
  t.match(check(sha256), { status: 1, stderr: /put one package/ })
})

t.test('a tag of another version than that of the sources makes no release', async (t) => {
  for (const tag of ['v987.6.5', '0.1.0', 'latest']) {
    const { status, stdout } = spawnSync(repositoryPath('docker/release-version.sh'), [tag], {
      encoding: 'utf8',
    })
    t.match({ status, stdout }, { status: 1, stdout: '' }, tag)
  }
})

t.test('the page of HAProxy about the replicas is for its own host', async (t) => {
  const config = read('docker/replicas/haproxy.cfg')
  t.match(config, /^frontend admin\n(?: .*\n)*? {2}bind "\$\{ADMIN-127\.0\.0\.1:8404\}"\n/m)
  t.notMatch(read('compose.yaml'), '8404')
  const admin = /^frontend admin\n(?: .*\n)*/m.exec(config)?.[0]
  t.notMatch(config.replace(admin ?? '', ''), 'stats enable')
})
