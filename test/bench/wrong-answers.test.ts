/** What measures says so when an answer is not the right one. */
import t from 'tap'
import { type Bench, type LoadKind, measureLoad } from './bench.ts'
import { type Answers, lineOf, type Measured, mistakesOf } from './figures.ts'
import { LoadGenerator } from './load/load-generator.ts'
import { createMaterial, digestInfo } from './material.ts'
import { BareToken } from './processes/bare-token.ts'
import { Server } from './processes/server.ts'
import { checkRaw, learnContainer, learnRequest, RAW_DATA } from './requests.ts'
import { PATIENT, SHORT } from './settings.ts'

const material = await createMaterial(t.testdir(), ['C_Sign flip after=20 every=3'])
const load = new LoadGenerator()
t.teardown(() => load.end())
const bench: Bench = { settings: SHORT, material, load, note: (what) => t.comment(what) }

async function start(program: 'service' | 'naive', environment: Readonly<Record<string, string>>) {
  const server = await Server.start(program, { ...environment, ...PATIENT })
  t.teardown(() => server.end())
  return server
}

const mistakes = (answers: Record<string, number>) =>
  mistakesOf(lineOf({ name: 'line', what: '', main: 'rate' }, [{ figures: {}, answers }]))

/** Loads a service until it has answered in each of some ways, however long that takes on a busy machine. */
async function loadUntil(outcomes: readonly string[], kind: LoadKind): Promise<Answers> {
  const rounds: Measured[] = []
  let answers: Answers
  do {
    rounds.push(await measureLoad(bench, kind))
    answers = lineOf({ name: 'line', what: '', main: 'rate' }, rounds).answers
  } while (!outcomes.every((outcome) => answers[outcome]))
  return answers
}

t.test('a service that answers a wrong signature now and then', async (t) => {
  const naive = await start('naive', material.simulated)
  const request = await learnRequest(naive.url, 'raw', material)
  const load = { servers: [naive], requests: [request], inFlight: 4 }
  const answers = await loadUntil(['right', 'wrong answer'], load)
  t.match(mistakes(answers), [/^line: \d+ × wrong answer$/])
})

t.test('one bit of what is expected is another', async (t) => {
  const service = await start('service', material.softhsm)
  const { body, expected } = await learnRequest(service.url, 'raw', material)
  const wrong = Buffer.from(expected)
  wrong[200] = Number(wrong[200]) ^ 1
  const requests = [{ body, expected: wrong }]
  const { answers = {} } = await measureLoad(bench, { servers: [service], requests, inFlight: 4 })
  t.strictSame(Object.keys(answers), ['wrong answer'])

  const document = { size: 100_000, hashAlgorithm: 'behind' } as const
  const container = await learnContainer(service.url, document, material)
  const order = { type: 'documents', url: `${service.url}/sign`, document, count: 3, atOnce: 2 } as const
  t.strictSame((await load.run({ ...order, expected: container })).answers, { right: 3 })
  container[300] = Number(container[300]) ^ 1
  t.strictSame((await load.run({ ...order, expected: container })).answers, { 'wrong answer': 3 })
})

t.test('errors, and connections that break', async (t) => {
  const service = await start('service', material.softhsm)
  const refused = [{ body: '{"action":"sign","hash_algorithm":"md5"}', expected: Buffer.alloc(0) }]
  const { answers = {} } = await measureLoad(bench, { servers: [service], requests: refused, inFlight: 2 })
  t.match(Object.keys(answers), [/^400 [A-Z_]+$/])
  await service.end()
  const order = { type: 'load', urls: [`${service.url}/sign`], requests: refused, inFlight: 2 } as const
  const gone = await load.run({ ...order, rampMs: 0, seconds: 0.1, watchSeconds: 0 })
  t.strictSame(Object.keys(gone.answers), ['no answer'])
  const document = { size: 1_000, hashAlgorithm: 'before' } as const
  const documents = { type: 'documents', url: order.urls[0], document, count: 1, atOnce: 1 } as const
  t.strictSame((await load.run({ ...documents, expected: Buffer.alloc(0) })).answers, { 'no answer': 1 })
})

t.test('signatures of the bare token', async (t) => {
  const bare = new BareToken(material.softhsm, digestInfo(RAW_DATA))
  t.teardown(() => bare.end())
  const signature = await bare.sign()
  await checkRaw(signature, material)
  signature[0] = Number(signature[0]) ^ 1
  await t.rejects(checkRaw(signature, material), { message: /^a wrong answer before the measurement/ })
  const { answers = {} } = await bare.measure(2, 0.1, signature)
  t.match(mistakes(answers), [/^line: \d+ × wrong answer$/])
})
