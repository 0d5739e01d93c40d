/** How often the page of metrics is made, which takes 10 ms, and 100 for hundreds of signers. */
import Fastify from 'fastify'
import { Gauge, Registry } from 'prom-client'
import t from 'tap'
import { metricsPage } from '../../src/plugins/metrics.ts'

t.test('however many ask in one turn of the event loop, one page is made', async (t) => {
  const registry = new Registry()
  let made = 0
  const gauge = new Gauge({
    ...{ name: 'made', help: 'Pages that were made.', registers: [registry] },
    collect() {
      made += 1
      gauge.set(made)
    },
  })
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(metricsPage, { registry })
  await app.ready()
  let turns = 1
  const timer = setImmediate(function count() {
    turns += 1
    timers.push(setImmediate(count))
  })
  const timers = [timer]
  for (let asked = 0; asked < 50; asked++) {
    t.match((await app.inject('/metrics')).body, /^made \d+$/m)
  }
  t.ok(made <= turns, `${made} pages in ${turns} turns`)
  for (const one of timers) {
    clearImmediate(one)
  }
  const before = made
  await new Promise(setImmediate)
  t.match((await app.inject('/metrics')).body, `made ${before + 1}\n`, 'the next one is made anew')
})
