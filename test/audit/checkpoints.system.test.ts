/** Checkpoints of a service, judged by OpenSSL; and its end under load. */

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import {
  checkpointsIn,
  decisionsIn,
  findChainProblems,
  readLines,
  readRecords,
  sha256,
} from '../support/audit-records.ts'
import { createCertifiedToken } from '../support/certified-token.ts'
import { runCommand } from '../support/command.ts'
import { SIGNATURE_TIMESTAMP } from '../support/container-parts.ts'
import { createFaultyDisk } from '../support/faulty-disk/faulty-disk.ts'
import { send } from '../support/http.ts'
import { readLog } from '../support/log-lines.ts'
import { scrape } from '../support/scrape.ts'
import { type ServerProcess, startReadyServerProcess, startServerProcess } from '../support/server-process.ts'
import { rawRequest, until } from '../support/signing.ts'
import { verifyCms } from '../support/validators/openssl.ts'
import { runTool } from '../support/validators/run-tool.ts'
import { withTemporaryFiles } from '../support/validators/temporary-files.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const { authorities, entry, timestamps, token } = await createCertifiedToken(t, directory)
const anchors = authorities.root.issued.certificateFile
const environment = {
  ...token.environment,
  SIGNER_CERTIFICATE_FILE: entry.certificateFile,
  CA_CERTIFICATES_FILE: entry.caFile,
  ...{ HSM_SESSIONS: '2', AUDIT_SIGNER: 'default', SIGNERS_RELOAD_INTERVAL_MS: '0' },
}
const timestamped = { LEVEL: 'b-lt', TSA_URL: timestamps.url, TSA_CA_FILE: timestamps.caFile }

/** Ends a service as an operator does. */
async function end({ child, exited }: ServerProcess): Promise<void> {
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
}

t.test('a checkpoint verifies with OpenSSL, over the statement as it stands in the line', async (t) => {
  for (const [level, variables, dots] of [
    ['b-b', {}, 0],
    ['b-lt', timestamped, 1],
    ['SHA-1 first', { HASH_ALGORITHMS: 'sha160,sha512' }, 0],
    ['SHA-1 alone', { HASH_ALGORITHMS: 'sha160' }, 0],
    ['b-lt, no authority', { ...timestamped, TSA_URL: 'http://127.0.0.1:9/', TSA_FALLBACK: 'b-b' }, 0],
  ] as const) {
    const file = path(`${level.replace(/\W+/g, '-')}.jsonl`)
    const server = await startReadyServerProcess(t, { ...environment, ...variables, AUDIT_FILE: file })
    await until('there is a checkpoint', () => checkpointsIn(file).length > 0)
    await send(`${server.address}/sign`, { method: 'POST', body: JSON.stringify(rawRequest('one')) })
    await end(server)
    t.same(findChainProblems(readLines(file)), [])
    const checkpoints = checkpointsIn(file)
    t.same(
      checkpoints.map(({ closes }) => closes),
      [false, true],
      level,
    )
    for (const { number, signature = '', statement, signer } of checkpoints) {
      const [, text = ''] = /"statement":(\{[^}]*\})/.exec(readLines(file)[number - 1] ?? '') ?? []
      t.same(JSON.parse(text), statement)
      t.equal(signer, 'default')
      const cms = Buffer.from(signature, 'base64')
      const verified = await verifyCms({
        cms,
        content: Buffer.from(text),
        trustAnchors: anchors,
        cades: true,
      })
      t.ok(verified.valid, verified.message)
      const other = await verifyCms({ cms, content: Buffer.from(`${text} `), trustAnchors: anchors })
      t.notOk(other.valid)
      const printed = await withTemporaryFiles({ cms }, (at) =>
        runTool('openssl', ['asn1parse', '-inform', 'DER', '-in', at.cms]),
      )
      t.notMatch(printed.stdout, /:sha1\b/, level)
      t.equal(printed.stdout.split('id-smime-aa-timeStampToken').length - 1, dots, SIGNATURE_TIMESTAMP)
      t.ok(signature.length < 20_000, `${signature.length} characters`)
    }
  }
})

t.test(
  'SIGTERM under load: each signature that was received has its record, and the chain is closed',
  async (t) => {
    const file = path('load.jsonl')
    const server = await startReadyServerProcess(t, {
      ...environment,
      AUDIT_FILE: file,
      AUDIT_ROTATE_BYTES: '20000',
    })
    const received = new Set<string>()
    let ended = false
    const clients = Array.from({ length: 16 }, async () => {
      const agent = new Agent({ keepAlive: true })
      try {
        while (!ended) {
          const body = JSON.stringify(rawRequest(`${Math.random()}`))
          const answer = await send(`${server.address}/sign`, { method: 'POST', body, agent })
          received.add(sha256(answer.body))
        }
      } catch {
        // It takes no more connections
      }
      agent.destroy()
    })
    await until('much is signed', () => received.size > 200)
    await end(server)
    ended = true
    await Promise.all(clients)
    const recorded = new Set(decisionsIn(file).map(({ signatureSha256 }) => signatureSha256))
    t.same(
      [...received].filter((signature) => !recorded.has(signature)),
      [],
    )
    t.same(findChainProblems(readLines(file)), [])
    const last = readRecords(file).at(-1)
    t.match(last, {
      kind: 'checkpoint',
      closes: true,
      signature: String,
      statement: { records: Number(last?.number) - 1 },
    })
  },
)

t.test('SIGTERM while clients neither send nor read: the chain is closed', async (t) => {
  for (const [name, variables] of [
    ['idlers', {}],
    ['idlers-of-both-ports', { ADMIN_PORT: '0' }],
  ] as const) {
    const file = path(`${name}.jsonl`)
    const server = await startReadyServerProcess(t, {
      ...{ ...environment, ...variables, HSM_TIMEOUT_MS: '2000', AUDIT_FILE: file },
    })
    const page = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n'
    const body =
      'POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{'
    for (const [address, text] of [
      [server.adminUrl() || server.address, page.repeat(8)],
      [server.address, body],
    ] as const) {
      const { hostname, port } = new URL(address)
      const socket = connect(Number(port), hostname)
      t.teardown(() => socket.destroy())
      socket.on('error', () => {})
      // Nobody reads it: of the pages, as many as fit into its buffers
      await once(socket, 'connect')
      socket.write(text)
    }
    await delay(500)
    await end(server)
    t.same(findChainProblems(readLines(file)), [])
    t.match(checkpointsIn(file).at(-1), { closes: true, number: readRecords(file).length })
    const { exitCode, stdout } = await runCommand({}, 'audit', 'verify', file, '--certificate', anchors)
    t.equal(exitCode, 0, stdout)
  }
})

t.test('a disk that does not answer', async (t) => {
  const disk = await createFaultyDisk(directory)
  const file = path('slow.jsonl')
  disk.plan()
  const server = await startReadyServerProcess(t, { ...environment, ...disk.environment, AUDIT_FILE: file })
  const { address, output } = server
  await until('there is a checkpoint', () => checkpointsIn(file).length > 0)
  const post = () => send(`${address}/sign`, { method: 'POST', body: JSON.stringify(rawRequest('one')) })

  await t.test('holds answers back until they are recorded', async (t) => {
    const signed = async () => {
      const { samples } = await scrape(address)
      return (
        samples.get('signing_service_hsm_calls_total{token="test",operation="sign",return_value="CKR_OK"}') ??
        0
      )
    }
    const timesStalled = () =>
      readLog(output()).filter(({ reason }) => reason === 'the disk does not answer').length
    let [calls, isStalled] = [0, true]
    // A machine may be too slow to sign them before the disk counts as one that does not answer
    while (isStalled) {
      await until('it is ready', async () => (await send(`${address}/health/ready`)).statusCode === 200)
      const [before, stalledBefore] = [await signed(), timesStalled()]
      disk.plan('hold')
      calls = disk.calls()
      const isAnswered: boolean[] = []
      const answers = Array.from({ length: 8 }, async () => {
        const answer = await post()
        isAnswered.push(true)
        return answer
      })
      await until('one is written', () => disk.calls() > calls)
      await until('all are signed', async () => {
        isStalled = timesStalled() > stalledBefore
        return isStalled || (await signed()) >= before + 8
      })
      t.ok(isStalled || isAnswered.length === 0, 'none is answered')
      disk.plan()
      const statusCodes = (await Promise.all(answers)).map(({ statusCode }) => statusCode)
      t.ok(isStalled || statusCodes.every((statusCode) => statusCode === 200), statusCodes.join())
    }
    t.ok(disk.calls() - calls < 8, `${disk.calls() - calls} calls for 8 records`)
  })

  await t.test('is not taken for one that does not, after a pause of the process', async (t) => {
    disk.plan('hold')
    const calls = disk.calls()
    const answer = post()
    await until('it is written', () => disk.calls() > calls)
    server.child.kill('SIGSTOP')
    disk.plan()
    await delay(6_000)
    server.child.kill('SIGCONT')
    t.equal((await answer).statusCode, 200)
    t.equal((await post()).statusCode, 200)
    t.notMatch(output(), /the disk does not answer/)
  })

  await t.test('has the service refuse before the HSM signs, until it answers again', async (t) => {
    disk.plan('hold')
    const waiting = post()
    await until('it refuses', async () => (await send(`${address}/health/ready`)).statusCode === 503)
    t.equal((await post()).json().code, 'AUDIT_UNAVAILABLE')
    t.ok(readLog(output()).some(({ reason }) => reason === 'the disk does not answer'))
    disk.plan()
    t.equal((await waiting).statusCode, 200, 'what was accepted before is answered')
    await until('it is ready', async () => (await send(`${address}/health/ready`)).statusCode === 200)
    const started = readRecords(file).filter(({ kind }) => kind === 'started')
    t.match(started.at(-1), { reason: 'recovered', unrecorded: 1, unanswered: undefined })
  })

  await t.test('or fails: what was not confirmed is written again', async (t) => {
    disk.plan('fail')
    t.equal((await post()).json().code, 'AUDIT_UNAVAILABLE')
    disk.plan()
    await until('it is ready', async () => (await send(`${address}/health/ready`)).statusCode === 200)
    const started = readRecords(file).findLast(({ kind }) => kind === 'started')
    t.match(started, { reason: 'recovered', unanswered: { first: Number(started?.number) - 1 } })
    t.ok(readLog(output()).some(({ reason }) => reason === 'EIO'))
  })
  await end(server)
  t.same(findChainProblems(readLines(file)), [])
})

t.test('AUDIT_SYNC=always writes each record alone', async (t) => {
  const disk = await createFaultyDisk(directory)
  const file = path('always.jsonl')
  disk.plan()
  const variables = { ...disk.environment, AUDIT_FILE: file, AUDIT_SYNC: 'always' }
  const server = await startReadyServerProcess(t, { ...environment, ...variables })
  await until('there is a checkpoint', () => checkpointsIn(file).length > 0)
  const calls = disk.calls()
  const body = JSON.stringify(rawRequest('one'))
  await Promise.all(Array.from({ length: 8 }, () => send(`${server.address}/sign`, { method: 'POST', body })))
  t.equal(disk.calls() - calls, 8)
  await end(server)
})

t.test('a wrong configuration ends with code 78', async (t) => {
  writeFileSync(path('none.jsonl'), 'text\n')
  for (const [variables, message] of [
    [{ AUDIT_FILE: path('missing/audit.jsonl') }, /^AUDIT_FILE: \S+ is in a folder that does not exist/],
    [{ AUDIT_FILE: directory }, /^AUDIT_FILE: \S+ cannot be written \(EISDIR\)/],
    [{ AUDIT_FILE: path('none.jsonl') }, /^AUDIT_FILE: \S+ has a line that is not a record: move it away/],
    [
      { AUDIT_FILE: path('ok.jsonl'), AUDIT_SIGNER: 'nobody' },
      /^AUDIT_SIGNER: nobody is not the name of a signer/,
    ],
    [{ AUDIT_FILE: path('ok.jsonl'), AUDIT_ROTATE_BYTES: '1' }, /^AUDIT_ROTATE_BYTES: 1 is not valid/],
    [{ AUDIT_FILE: path('ok.jsonl'), AUDIT_SYNC: 'never' }, /^AUDIT_SYNC: never is not valid/],
  ] as const) {
    const { exited, output } = startServerProcess(t, { ...environment, ...variables })
    t.same(await exited, { code: 78, signal: null })
    const problems = readLog(output()).filter(({ level }) => level === 60)
    t.match(problems, [{ msg: message }])
    t.equal(problems.length, 1)
  }
})

t.test('a service waits for one that writes its file, which may be ending', async (t) => {
  const file = path('shared.jsonl')
  const shared = { ...environment, AUDIT_FILE: file }
  const first = await startReadyServerProcess(t, shared)
  const second = startServerProcess(t, shared)
  await until('it says why it waits', () =>
    second.output().includes('is written by another process: each replica needs a file of its own'),
  )
  const sign = (address: string) =>
    send(`${address}/sign`, { method: 'POST', body: JSON.stringify(rawRequest('one')) })
  const address = await second.url
  t.equal((await send(`${address}/health/ready`)).statusCode, 503)
  t.equal((await sign(address)).json().code, 'AUDIT_UNAVAILABLE')
  await end(first)
  await until('it is ready', async () => (await send(`${address}/health/ready`)).statusCode === 200)
  t.equal((await sign(address)).statusCode, 200)
  await end(second)
  t.same(findChainProblems(readLines(file)), [])
})
