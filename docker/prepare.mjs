// Brings a fresh clone to where the service and its tests can run: dependencies, build and, with --tools, the command
// line tools, with --validators, further ones that judge signatures, with --downloads, EU DSS, pyHanko and Schemathesis too, as
// far as they can be had, with --tap, the test runner; with --downloads and --tap, Chromium and the AWS CLI too. Plain JavaScript
// without imports of packages, because it runs before any are there. Does nothing, within a second, when nothing is to be
// done.
//
//   node docker/prepare.mjs [--tools] [--validators [--downloads]] [--tap] [--deploy]
import { spawn } from 'node:child_process'
import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tools = ['softhsm', 'opensc', 'openssl', 'poppler', 'nss', 'p11-kit']
const validators = ['java', 'bouncycastle', 'pdfbox', 'gpgsm']
const dss = ['java', 'maven', 'dss']
const pyhanko = ['python-venv', 'pyhanko']
const schemathesis = ['python-venv', 'schemathesis']
const openTelemetry = ['python-venv', 'opentelemetry-proto']
/** Groups of tools that only the tests of `npm test` need. */
const forTap = ['tinyproxy']
/** Groups that only those of `npm run test:system` need. */
const forSystemTests = ['chromium']
const awsCli = ['python-venv', 'aws-cli']

/** Groups that only those of `npm run test:deploy` need. */
const forDeployTests = [
  ['bubblewrap'],
  ['prometheus'],
  ['python-venv', 'python-tools'],
  ['python-venv', 'go-tools'],
]

/** What went wrong, in words that say what to do: no stack is printed for it. */
class PreparationError extends Error {}

/** Runs a command in the repository, its output going to stderr. A signal that ends this process ends it too. */
function run(command, args, complaint) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', process.stderr, process.stderr] })
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    let received
    const forward = (signal) => {
      received = signal
      child.kill(signal)
    }
    const settle = (error) => {
      for (const signal of signals) process.off(signal, forward)
      if (received) process.kill(process.pid, received)
      else if (error) reject(error)
      else resolve()
    }
    for (const signal of signals) process.on(signal, forward)
    child.on('error', (cause) => settle(new PreparationError(`${complaint} (${cause.message})`)))
    child.on('exit', (code) => settle(code === 0 ? undefined : new PreparationError(complaint)))
  })
}

async function readJson(path) {
  try {
    return JSON.parse(await readFile(join(root, path), 'utf8'))
  } catch {
    return undefined
  }
}

async function exists(path) {
  return stat(join(root, path)).then(
    () => true,
    () => false,
  )
}

async function checkNode() {
  const minimum = (await readJson('package.json')).engines.node.replace('>=', '')
  const [wanted, found] = [minimum, process.versions.node].map((version) => version.split('.').map(Number))
  const differing = wanted.findIndex((part, index) => part !== found[index])
  if (differing >= 0 && found[differing] < wanted[differing]) {
    throw new PreparationError(
      `This is Node ${process.versions.node}; install ${minimum} or later, best the 24 LTS`,
    )
  }
}

/** npm keeps a lockfile of what it has installed, written last: where it agrees with ours, so do the modules. */
async function dependenciesAreInstalled() {
  const wanted = (await readJson('package-lock.json')).packages
  const installed = (await readJson('node_modules/.package-lock.json'))?.packages
  if (!installed || !(await exists('node_modules/pkcs11js/build/Release/pkcs11.node'))) return false
  return Object.entries(wanted).every(([path, { version, integrity, optional, devOptional }]) => {
    if (path === '') return true
    const found = installed[path]
    // Those for other platforms are not installed.
    if (!found) return optional || devOptional
    return found.version === version && found.integrity === integrity
  })
}

async function installDependencies() {
  if (await dependenciesAreInstalled()) return
  await run(
    join(root, 'docker/install-tools.sh'),
    ['compiler'],
    'pkcs11js needs a C++ compiler, make and Python 3',
  )
  console.error('Installing the dependencies with npm ci; pkcs11js is compiled, which takes a minute')
  // foreground-scripts shows the compiler at work.
  await run(
    'npm',
    ['ci', '--include=dev', '--foreground-scripts'],
    'npm ci failed: its messages above say why; it needs the package registry and, to compile pkcs11js, Node headers',
  )
  if (!(await exists('node_modules/pkcs11js/build/Release/pkcs11.node'))) {
    throw new PreparationError(
      'npm ci did not compile pkcs11js: allow install scripts (npm config get ignore-scripts)',
    )
  }
}

/** When the newest file or folder below `path` changed, in ms. ctime also tells of files that were moved there. */
async function newestChange(path) {
  const entries = await readdir(path, { withFileTypes: true })
  const times = await Promise.all(
    entries.map(async (entry) => {
      const child = join(path, entry.name)
      return entry.isDirectory() ? newestChange(child) : (await stat(child)).ctimeMs
    }),
  )
  return Math.max((await stat(path)).mtimeMs, ...times)
}

async function build() {
  // tsc needs seconds to find that nothing has changed, even incrementally.
  const stamp = join(root, 'dist/.built')
  const { include } = await readJson('tsconfig.json')
  const changes = await Promise.all([
    ...include.map((folder) => newestChange(join(root, folder))),
    ...['tsconfig.json', 'package-lock.json'].map(async (file) => (await stat(join(root, file))).ctimeMs),
  ])
  const built = await stat(stamp).catch(() => undefined)
  if (built && built.mtimeMs >= Math.max(...changes)) return

  console.error('Building with tsc and esbuild')
  const started = new Date()
  // What was compiled from files that are gone would run as a test.
  await rm(join(root, 'dist'), { recursive: true, force: true })
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [tsc, '--project', 'tsconfig.json'], 'The build failed: tsc says why above')
  const bundle = join(root, 'docker/bundle.mjs')
  await run(process.execPath, [bundle], 'The build failed: esbuild says why above')
  await writeFile(stamp, '')
  // What changed while tsc was running is for the next build.
  await utimes(stamp, started, started)
}

/** Each build removes them. */
async function bundlePackages() {
  if (await exists('dist/node_modules')) return
  const bundle = join(root, 'docker/bundle.mjs')
  await run(
    process.execPath,
    [bundle, '--packages'],
    'The packages could not be bundled: esbuild says why above',
  )
}

/**
 * tap is installed with its default plugins. It builds itself for those of .taprc only once it has started with the
 * others, which that run's tests then load as well.
 */
async function buildTap() {
  const wanted = await readFile(join(root, '.taprc'), 'utf8')
  // Beside what is built, so that it goes with it when tap is installed anew.
  const stamp = join(root, 'node_modules/@tapjs/test/test-built/.taprc')
  if ((await readFile(stamp, 'utf8').catch(() => undefined)) === wanted) return

  console.error('Building tap for the plugins of .taprc')
  const tap = join(root, 'node_modules/tap/dist/esm/run.mjs')
  await run(process.execPath, [tap, 'build'], 'tap could not be built: it says why above')
  await writeFile(stamp, wanted)
}

async function installTools(groups) {
  await run(
    join(root, 'docker/install-tools.sh'),
    groups,
    `These tools are missing and could not be installed: see above (docker/install-tools.sh ${groups.join(' ')})`,
  )
}

/**
 * @param {{ tools?: boolean, validators?: boolean, downloads?: boolean, tap?: boolean, deploy?: boolean }} options
 * @throws when something could not be made ready; the message says what to do
 */
export async function prepare(options = {}) {
  await checkNode()
  await installDependencies()
  await build()
  if (options.tap) {
    await bundlePackages()
    await buildTap()
  }
  if (options.tools) await installTools(tools)
  if (options.validators) {
    // The tests leave out what these judge
    for (const groups of options.downloads
      ? [validators, dss, pyhanko, schemathesis, openTelemetry]
      : [validators]) {
      await installTools(groups).catch(({ message }) => console.error(message))
    }
  }
  // The tests that need them are skipped
  const more = [
    ...(options.tap ? [forTap] : []),
    ...(options.tap && options.downloads ? [forSystemTests, awsCli] : []),
    ...(options.deploy ? forDeployTests : []),
  ]
  for (const groups of more) {
    await installTools(groups).catch(({ message }) => console.error(message))
  }
}

/** For the entry points: prepares, or prints why not and ends the process. */
export async function prepareOrExit(options) {
  try {
    await prepare(options)
  } catch (error) {
    console.error(error instanceof PreparationError ? error.message : error)
    process.exit(1)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const given = (option) => process.argv.includes(option)
  await prepareOrExit({
    tools: given('--tools'),
    validators: given('--validators'),
    downloads: given('--downloads'),
    tap: given('--tap'),
    deploy: given('--deploy'),
  })
}
