/** The commands and queries of docs/capacity.md. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { send } from '../support/http.ts'
import { codeBlocks } from '../support/markdown.ts'
import { readPage } from '../support/pages.ts'
import { scrape } from '../support/scrape.ts'
import { startReadyServerProcess } from '../support/server-process.ts'
import { rawRequest, until } from '../support/signing.ts'
import { createSigningToken } from '../support/token.ts'
import { hasPromtool } from '../support/validators/promtool.ts'
import { runTool } from '../support/validators/run-tool.ts'
import { readWalk } from '../support/walk.ts'

const skip = !(await hasPromtool()) && 'docker/install-tools.sh prometheus installs promtool'
const page = readPage('docs/capacity.md')
const directory = t.testdir()
const { environment } = await createSigningToken(join(directory, 'token'))
const { address } = await startReadyServerProcess(t, environment)
await send(`${address}/sign`, { method: 'POST', body: JSON.stringify(rawRequest('a signature to measure')) })
await until('it was measured', async () => {
  const { samples } = await scrape(address)
  return [...samples].some(
    ([name, value]) => /hsm_call_duration_seconds_count\{.*operation="sign"/.test(name) && Number(value) > 0,
  )
})

t.test('sessions are computed from the time that a signature takes', async (t) => {
  const walk = readWalk(page, directory, [['http://127.0.0.1:6000', address]])
  const printed = await walk.runNext()
  const [, ms = '', busy = '', sessions = ''] =
    printed.match(/^([\d.]+) ms a signature, ([\d.]+) sign at once: HSM_SESSIONS=(\d+)\n$/) ?? []
  t.ok(Number(ms) > 0, printed)
  // The figures are rounded
  t.ok(Math.abs(Number(busy) - 3 * Number(ms)) <= 0.2, printed)
  t.ok(Math.abs(Number(sessions) - (2 * Number(busy)) / 3) <= 1.1, printed)
  t.same(walk.left, [])
})

t.test('queries are about metrics that the service has', async (t) => {
  const { samples } = await scrape(address)
  const known = new Set([...samples.keys()].map((name) => name.replace(/\{.*/, '')))
  const queries = codeBlocks(page, 'promql')
  t.ok(queries.length > 4)
  for (const [name] of queries.join('').matchAll(/\b(?:signing_service|process)_\w+/g)) {
    t.ok(known.has(name) || name === 'signing_service_signatures_total', name)
  }
})

t.test('Prometheus understands the queries', { skip }, async (t) => {
  const rules = codeBlocks(page, 'promql').map((expr, index) => ({ record: `capacity:${index}`, expr }))
  const file = join(directory, 'rules.yaml')
  // JSON is YAML
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'capacity', rules }] }))
  const { exitCode, stdout, stderr } = await runTool('promtool', ['check', 'rules', file])
  t.equal(exitCode, 0, `${stdout}${stderr}`)
})
