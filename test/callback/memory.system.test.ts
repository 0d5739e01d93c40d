import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { startReadyServerProcess } from '../support/server-process.ts'
import { createSigningToken } from '../support/token.ts'
import { verifyCms } from '../support/validators/openssl.ts'

const { environment, certificates } = await createSigningToken(t.testdir())
const server = await startReadyServerProcess(t, { ...environment, HSM_TIMEOUT_MS: '60000' })

const PART = Buffer.alloc(48 * 1024, 'a part of a document')
const PARTS = 2048
const MB = 1e6

/** Of the server, resident, in bytes: now, and the most that there ever was. */
function memory() {
  const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8')
  const bytes = (name: string) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))?.[1]) * 1024
  return { now: bytes('VmRSS'), most: bytes('VmHWM') }
}

/** Sends a document of 100 MB, of which little is in memory here. Returns the container. */
async function signDocument(): Promise<Buffer> {
  const outgoing = request(`${server.address}/sign`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  })
  const answered = once(outgoing, 'response')
  const part = PART.toString('base64')
  function* body() {
    yield '{"action":"sign_pkcs7","encoded_contents":"'
    for (let count = 0; count < PARTS; count++) {
      yield part
    }
    yield '","hash_algorithm":"sha384"}'
  }
  await pipeline(Readable.from(body()), outgoing)
  const [answer] = await answered
  return Buffer.concat(await answer.toArray())
}

t.test('documents of 100 MB take little memory, one or eight at once', async (t) => {
  const content = Buffer.alloc(PARTS * PART.length, PART)
  const digest = createHash('sha384').update(content).digest()
  for (const [count, allowed] of [
    [1, 32 * MB],
    [8, 64 * MB],
  ] as const) {
    const before = memory()
    const containers = await Promise.all(Array.from({ length: count }, signDocument))
    const more = memory().most - before.now
    t.ok(more <= allowed, `${count} at once: ${Math.round(more / MB)} MB more`)
    t.ok(
      containers.every((container) => container.includes(digest)),
      'each is about the document',
    )
    const [cms] = containers as [Buffer]
    const { valid, message } = await verifyCms({ cms, content, trustAnchors: certificates.root })
    t.ok(valid, message)
  }
})
