import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { send } from '../support/http.ts'
import { PROPERTY_RUNS } from '../support/property-runs.ts'
import { startReadyService } from '../support/service.ts'
import { createSigningToken } from '../support/token.ts'

const { environment, publicKey } = await createSigningToken(t.testdir())
const service = await startReadyService(t, { ...environment, HSM_TIMEOUT_MS: '30000' })
const agent = new Agent({ keepAlive: true })
t.teardown(() => agent.destroy())

/** However slow the machine, each property ends; what it has not tried by then, another run will. */
const BOUNDED = { interruptAfterTimeLimit: 8_000, markInterruptAsFailure: false, endOnFailure: true }

const post = (body: string | Buffer, path = '/sign') =>
  send(`${service.url}${path}`, { method: 'POST', body, agent })

/** Tells whether a body is answered, either way, and with an error that looks like all others. */
async function isAnswered(body: string | Buffer, refusals = [400]): Promise<boolean> {
  const { statusCode, json } = await post(body)
  if (statusCode !== 200 && !refusals.includes(statusCode)) {
    throw new Error(`status ${statusCode}`)
  }
  return statusCode === 200 || Object.keys(json()).join() === 'statusCode,code,error,message,requestId'
}

async function checkAlive(t: Test): Promise<void> {
  const { statusCode } = await send(`${service.url}/health/live`)
  t.equal(statusCode, 200, 'still alive')
  t.notMatch(service.log(), /unexpected error/)
}

t.test('any JSON is answered', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.json({ maxDepth: 6 }), (text) => isAnswered(text)),
    { ...BOUNDED, numRuns: PROPERTY_RUNS },
  )
  await checkAlive(t)
})

t.test('any values in the known fields are answered', async (t) => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(null, '', 'sign', 'sign_pkcs7', 'get_certificates', 'raw', 'pkcs7', 'cms', 'cades'),
    fc.constantFrom('sha256', 'SHA-512', 'sha160', 'md5', '__proto__', 'toString'),
    fc.base64String({ maxLength: 40 }),
    fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    fc.string({ unit: 'binary', maxLength: 20 }),
  )
  const body = fc.record(
    {
      action: fc.oneof(fc.constantFrom('sign', 'sign_pkcs7', 'get_certificates', null), value),
      digest: value,
      encoded_contents: value,
      data_to_be_signed: value,
      hash_algorithm: value,
      signature_type: value,
      signature_container: value,
      signatureContainer: value,
      signing_token: value,
      encodedContents: value,
      hash: value,
    },
    { requiredKeys: [] },
  )
  await fc.assert(
    fc.asyncProperty(body, (body) => isAnswered(JSON.stringify(body))),
    { ...BOUNDED, numRuns: PROPERTY_RUNS },
  )
  await checkAlive(t)
})

t.test('any bytes are answered', async (t) => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    // Text that is nearly JSON
    fc.tuple(fc.json(), fc.nat(), fc.nat(255)).map(([text, at, byte]) => {
      const bytes = Buffer.from(text)
      bytes[at % bytes.length] = byte
      return bytes
    }),
  )
  await fc.assert(
    fc.asyncProperty(bytes, (bytes) => isAnswered(Buffer.from(bytes))),
    { ...BOUNDED, numRuns: PROPERTY_RUNS },
  )
  await checkAlive(t)
})

t.test('JSON that is nested thousands of times, or a million times, is answered', async (t) => {
  for (const [depth, refusals] of [
    [1_000, []],
    [5_000, [413]],
    [1_000_000, [413]],
  ] as const) {
    const nested = '['.repeat(depth) + ']'.repeat(depth)
    t.ok(await isAnswered(`{"action":"get_certificates","x":${nested}}`, [...refusals]))
  }
  await checkAlive(t)
})

t.test('the signature of any data verifies', async (t) => {
  const key = createPublicKey(readFileSync(publicKey))
  const data = fc.uint8Array({ minLength: 1, maxLength: 5000, size: 'max' })
  await fc.assert(
    fc.asyncProperty(data, fc.constantFrom('sha256', 'sha384', 'sha512'), async (data, hash) => {
      const body = { action: 'sign', data_to_be_signed: Buffer.from(data).toString('base64') }
      const answer = await post(JSON.stringify({ ...body, hash_algorithm: hash }))
      return answer.statusCode === 200 && verify(hash, data, key, answer.body)
    }),
    { ...BOUNDED, numRuns: 100 },
  )
  await checkAlive(t)
})
