/**
 * Collects coverage in place of tap's own collector, which it keeps from starting. That one has hooks in a thread
 * beside each process and worker, which every module has to go through, to tell tap's `--changed` which test loads
 * which file; they cost more than all that the many short processes and threads of these tests do.
 *
 * Loaded by NODE_OPTIONS into each process of a test, and into their worker threads, ahead of tap's. Its file of a
 * process or thread is written at its exit, where tap's report finds it; one that is killed leaves none.
 */
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector'
import module from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const { _TAPJS_PROCESSINFO_CWD_: root = process.cwd(), _TAPJS_PROCESSINFO_COVERAGE_: enabled } = process.env

/** tap's collector takes itself to be at work already where there is this. */
Object.assign(globalThis, { [Symbol.for('@tapjs/processinfo.ProcessInfoNodeData')]: { files: [] } })
const { register } = module
module.register = ((specifier: string | URL, ...rest: []) =>
  String(specifier).includes('/@tapjs/processinfo/')
    ? undefined
    : register(specifier, ...rest)) as typeof register

// Children may be in other directories
process.env.NODE_OPTIONS = (process.env.NODE_OPTIONS ?? '').replace(
  /(?<=--import=)\.[^\s"]+/,
  import.meta.url,
)
// By which `fork` starts children
process.execArgv = process.execArgv.filter((argument) => !argument.includes('/@tapjs/processinfo/'))

if (enabled !== '0') {
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  // After the listeners of whoever has not even been loaded yet
  const emit = process.emit.bind(process) as (event: string, ...rest: unknown[]) => boolean
  process.emit = ((event: string, ...rest: unknown[]) => {
    const heard = emit(event, ...rest)
    if (event === 'exit') session.post('Profiler.takePreciseCoverage', write)
    return heard
  }) as typeof process.emit
}

function write(_: Error | null, { result }: Profiler.TakePreciseCoverageReturnType): void {
  const covered = ['dist/src', 'dist/schemas'].map((folder) => `${pathToFileURL(join(root, folder))}/`)
  const ours = result.filter(({ url }) => covered.some((folder) => url.startsWith(folder)))
  const folder = join(root, '.tap/coverage')
  mkdirSync(folder, { recursive: true })
  if (process.geteuid?.() === 0) {
    // Processes that tests start as other users have files of their own there, too
    chmodSync(folder, 0o1777)
  }
  writeFileSync(join(folder, `${randomUUID()}.json`), JSON.stringify({ result: ours }))
}
