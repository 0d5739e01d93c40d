/** The service is killed at random moments: whoever has a signature finds its record. AUDIT_CRASHES=100 tries more often. */
import { randomInt } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import {
  decisionsIn,
  findChainProblems,
  listFiles,
  readLines,
  readRecords,
  sha256,
} from '../support/audit-records.ts'
import { send } from '../support/http.ts'
import { startReadyServerProcess } from '../support/server-process.ts'
import { rawRequest, until } from '../support/signing.ts'
import { createSigningToken } from '../support/token.ts'

const ROUNDS = Number(process.env.AUDIT_CRASHES ?? 5)
const CLIENTS = 8
const NEWLINE = 0x0a

const directory = t.testdir()
const { environment } = await createSigningToken(directory)

/** Sends one request after another until there is no answer. Adds the SHA-256 of each signature that was received. */
async function ask(url: string, received: Set<string>): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  try {
    for (let number = 0; ; number += 1) {
      const body = JSON.stringify(number % 10 === 9 ? { action: 'none' } : rawRequest(`${Math.random()}`))
      const answer = await send(`${url}/sign`, { method: 'POST', body, agent })
      if (answer.statusCode === 200) {
        received.add(sha256(answer.body))
      }
    }
  } catch {
    // The service was killed
  } finally {
    agent.destroy()
  }
}

for (const sync of ['batch', 'always']) {
  t.test(`AUDIT_SYNC=${sync}`, async (t) => {
    const file = join(directory, `${sync}.jsonl`)
    const variables = {
      ...environment,
      ...{ AUDIT_FILE: file, AUDIT_SYNC: sync, AUDIT_SIGNER: 'default', AUDIT_ROTATE_BYTES: '65536' },
      ...{ AUDIT_CHECKPOINT_SECONDS: '1' },
    }
    const received = new Set<string>()
    let torn = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const server = await startReadyServerProcess(t, variables)
      const clients = Array.from({ length: CLIENTS }, () => ask(server.address, received))
      const enough = received.size + randomInt(1, 80)
      await until('some are signed', () => received.size >= enough)
      await delay(randomInt(0, 20))
      server.child.kill('SIGKILL')
      await Promise.all([...clients, server.exited])
      if (round % 2 === 1) {
        // A host that fails leaves a part of a line, which the death of a process alone hardly does
        // Between rename and first record of a rotation there is no file, or an empty one
        const last = existsSync(file) ? (readFileSync(file).at(-1) ?? NEWLINE) : NEWLINE
        appendFileSync(file, last === NEWLINE ? '{"torn' : '')
        torn += 1
      }
    }
    const { child, exited } = await startReadyServerProcess(t, variables)
    child.kill('SIGTERM')
    t.same(await exited, { code: 0, signal: null })

    t.same(findChainProblems(readLines(file)), [], 'the chain verifies over all restarts')
    t.equal(readFileSync(file).at(-1), NEWLINE)
    const recorded = new Set(decisionsIn(file).map(({ signatureSha256 }) => signatureSha256))
    const missing = [...received].filter((signature) => !recorded.has(signature))
    t.same(missing, [], 'each signature that was received has its record')
    t.ok(received.size >= ROUNDS, `${received.size} signatures`)
    const records = readRecords(file)
    t.equal(records.filter(({ kind }) => kind === 'started').length, ROUNDS + 1)
    t.ok(records.filter(({ kind }) => kind === 'torn').length >= torn)
    t.match(records.at(-1), { kind: 'checkpoint', closes: true, signer: 'default' })
    t.comment(`${received.size} signatures, ${records.length} records in ${listFiles(file).length} files`)
    t.ok(listFiles(file).every((one) => statSync(one).size > 0))
  })
}
