/** What is packed for users: that it is all they need, and nothing else, and the same from each build. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { send } from './support/http.ts'
import { repositoryPath } from './support/repository.ts'
import { startReadyServerProcess } from './support/server-process.ts'
import { outcome, rawRequest } from './support/signing.ts'
import { createSigningToken } from './support/token.ts'

// npm would install into the repository from any folder in it
const directory = mkdtempSync(join(tmpdir(), 'package-'))
t.teardown(() => rmSync(directory, { recursive: true }))
const root = repositoryPath()
/** npm's answers about a package are taken from its cache. */
const OFFLINE = ['--prefer-offline', '--no-audit', '--no-fund']
const run = (command: string, args: readonly string[], cwd = root) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

// What is built is there: the build would take it away from other tests
const packed = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', directory])
const [{ files, filename, version }] = JSON.parse(packed)
const tarball = join(directory, filename)

t.test('it has the bundles, the documentation and the licences alone', async (t) => {
  const paths = files.map(({ path }: { path: string }) => path) as string[]
  const others = paths.filter((path) => !/^dist\/bundle\/[\w/-]+\.(?:js|txt)$|^docs\/[\w-]+\.md$/.test(path))
  t.same(others.sort(), ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'])
  for (const path of ['dist/bundle/server.js', 'dist/bundle/cli/main.js', 'dist/bundle/LICENSES.txt']) {
    t.ok(paths.includes(path), path)
  }
})

t.test('the changelog knows its version, or what comes after it', async (t) => {
  const changelog = readFileSync(repositoryPath('CHANGELOG.md'), 'utf8')
  const [, latest] = /^## \[(\d[^\]]*)\]/m.exec(changelog) ?? []
  t.equal(latest, version)
})

t.test('npm does not publish it by mistake', async (t) => {
  t.equal(JSON.parse(readFileSync(repositoryPath('package.json'), 'utf8')).private, true)
})

t.test('it signs where nothing else is', async (t) => {
  const folder = join(directory, 'installed')
  mkdirSync(folder)
  run('npm', ['install', ...OFFLINE, tarball], folder)
  t.equal(run('npx', ['signing-service', '--version'], folder), `${version}\n`)
  const { environment, publicKey } = await createSigningToken(join(directory, 'token'))
  const module = join(folder, 'node_modules/signing-service/dist/bundle/server.js')
  const variables = { ...environment, NODE_OPTIONS: '' }
  const { address } = await startReadyServerProcess(t, variables, { module, args: [], cwd: folder })
  const body = JSON.stringify(rawRequest('a text'))
  const answer = await send(`${address}/sign`, { method: 'POST', body })
  t.equal(outcome(answer, 'a text', publicKey), 'signed')
})

t.test('npx takes it as it is', async (t) => {
  const folder = join(directory, 'elsewhere')
  mkdirSync(folder)
  cpSync(tarball, join(folder, filename))
  const args = ['--yes', ...OFFLINE, '--package', `./${filename}`, 'signing-service', '--version']
  t.equal(run('npx', args, folder), `${version}\n`)
})

t.test('two builds of a commit are the same', async (t) => {
  t.match(run('npm', ['run', '--silent', 'reproducible']), /^[0-9a-f]{64}\n$/)
})
