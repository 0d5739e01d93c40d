import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { processMetrics } from '../../src/metrics/process-metrics.ts'
import { repositoryPath } from '../support/repository.ts'
import { readSamples } from '../support/scrape.ts'

const MODULE = new URL(`../../src/metrics/process-metrics${extname(import.meta.filename)}`, import.meta.url)

t.test('version, memory and garbage collection of the process are told', async (t) => {
  const samples = readSamples(await processMetrics().metrics())
  const { version } = JSON.parse(readFileSync(repositoryPath('package.json'), 'utf8'))
  const build = `signing_service_build_info{version="${version}",node_version="${process.version}"}`
  t.equal(samples.get(build), 1)
  t.ok((samples.get('process_resident_memory_bytes') ?? 0) > 10_000_000)
  t.ok(samples.has('nodejs_eventloop_lag_p99_seconds'))
})

t.test('there is one of it, however many applications there are', async (t) => {
  t.equal(processMetrics(), processMetrics())
})

t.test('it does not keep a process from ending', async (t) => {
  const program = `const { processMetrics } = await import(${JSON.stringify(MODULE)})
    console.log((await processMetrics().metrics()).includes('nodejs_gc_duration_seconds'))`
  const args = ['--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 })
  t.equal(stdout, 'true\n')
})
