import { appendFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { AuditLog, type CheckpointSigner } from '../../src/audit/audit-log.ts'
import type { NewRecord } from '../../src/audit/chain.ts'
import type { AuditConfiguration } from '../../src/configuration/audit-configuration.ts'
import { ConfigurationError } from '../../src/errors.ts'
import {
  checkpointsIn,
  findChainProblems,
  pathsIn,
  readLines,
  readRecords,
  sha256,
} from '../support/audit-records.ts'
import { readLog } from '../support/log-lines.ts'
import { mountDisk, mountFile } from '../support/mounted-disk.ts'
import { until } from '../support/signing.ts'

const folders = t.testdir()
const createPath = pathsIn(folders)

const DEFAULTS: AuditConfiguration = {
  ...{ stdout: false, sync: 'batch', rotateBytes: 1_000_000_000 },
  ...{ checkpointRecords: 1_000_000, checkpointMs: 86_400_000 },
}

function decision(
  requestId: string,
  more: Partial<Extract<NewRecord, { kind: 'decision' }>> = {},
): NewRecord {
  return {
    ...{
      kind: 'decision',
      outcome: 'signed',
      requestId,
      access: 'open',
      address: '127.0.0.1',
      path: '/sign',
    },
    ...{ durationMs: 1, version: '1', ...more },
  }
}

/** An audit log as a service has it, and what it tells. */
function createLog(t: Test, configuration: Partial<AuditConfiguration>, signer?: CheckpointSigner) {
  const stream = new PassThrough()
  let text = ''
  stream.on('data', (chunk) => {
    text += chunk
  })
  const observed: string[] = []
  const log = new AuditLog(
    { ...DEFAULTS, ...configuration },
    {
      log: pino({ level: 'warn' }, stream),
      observer: { recorded: (kind, seconds) => observed.push(`${kind} ${seconds >= 0}`) },
      ...(signer && { signer }),
    },
  )
  let isClosed = false
  const close = async () => {
    isClosed = true
    await log.close()
  }
  t.teardown(() => isClosed || log.close())
  return { log, close, observed, lines: () => readLog(text) }
}

async function startLog(t: Test, configuration: Partial<AuditConfiguration>, signer?: CheckpointSigner) {
  const created = createLog(t, configuration, signer)
  await created.log.start()
  return created
}

const kindsIn = (path: string) => readRecords(path).map(({ kind }) => kind)
const good = (path: string) => findChainProblems(readLines(path))
/** Tells whether each record could be made. */
const outcomesOf = async (recorded: Promise<void>[]) =>
  (await Promise.allSettled(recorded)).map((one) =>
    one.status === 'fulfilled' ? 'recorded' : one.reason.code,
  )
const isReady = ({ log }: { log: AuditLog }) => until('it can be written', () => log.problem === undefined)

/** Fills a disk with files, until nothing more is free. Returns their paths. */
function fillDisk(folder: string, bytes: number): string[] {
  const parts: string[] = []
  for (let size = bytes; size >= 4096; size /= 3) {
    try {
      for (;;) {
        writeFileSync(join(folder, `part-${parts.length}`), Buffer.alloc(size))
        parts.push(join(folder, `part-${parts.length}`))
      }
    } catch {
      // The part that found no room keeps what it got
      parts.push(join(folder, `part-${parts.length}`))
    }
  }
  return parts
}

t.test('what is recorded is in the file, after the start and before the end', async (t) => {
  const file = createPath()
  const { log, close, observed } = await startLog(t, { file })
  t.equal(log.problem, undefined)
  t.equal(log.checkpointAge, undefined)
  t.equal(log.checkpointInterval, undefined)
  t.ok(Number(log.freeBytes) > 0)
  log.check()
  await log.record(decision('one'))
  t.match(readRecords(file), [
    { kind: 'started', reason: 'start', stream: hostname(), unanswered: undefined, unrecorded: undefined },
    { kind: 'decision', requestId: 'one' },
  ])
  t.same(observed, ['decision true'])
  await close()
  const [last] = checkpointsIn(file)
  t.match(last, { number: 3, closes: true, signature: undefined, signer: undefined })
  t.match(last?.statement, { records: 2, stream: hostname(), head: sha256(readLines(file)[1] ?? '') })
  t.same(good(file), [])
  t.throws(() => log.check(), { code: 'AUDIT_UNAVAILABLE' })
  await t.rejects(log.record(decision('late')), { code: 'AUDIT_UNAVAILABLE' })
  t.equal(readLines(file).length, 3, 'nothing follows the end')
})

t.test('a restart goes on with the chain', async (t) => {
  const file = createPath()
  for (const stream of ['one', undefined, 'one']) {
    const { close } = await startLog(t, { file, ...(stream && { stream }) })
    await close()
  }
  t.same(kindsIn(file), ['started', 'checkpoint', 'started', 'checkpoint', 'started', 'checkpoint'])
  t.same(new Set(readRecords(file).map(({ stream }) => stream)), new Set(['one']))
  t.same(good(file), [])
})

t.test('a file that cannot be rotated goes on, with a warning', async (t) => {
  const file = createPath()
  await (await startLog(t, { file })).close()
  if ((await mountFile(t, file)) === undefined) {
    t.pass('a file cannot be mounted here')
    return
  }
  const { log, close, lines } = await startLog(t, { file, rotateBytes: 1 })
  await log.record(decision('one'))
  await close()
  t.match(lines(), [{ msg: /^the audit file cannot be rotated, and grows/, reason: 'EBUSY' }])
  t.same(good(file), [])
})

t.test('a file that cannot be gone on with is a wrong configuration', async (t) => {
  const file = createPath()
  await (await startLog(t, { file, stream: 'one' })).close()
  const fails = async (configuration: Partial<AuditConfiguration>, message: RegExp) => {
    const error = await createLog(t, configuration)
      .log.start()
      .then(
        () => undefined,
        (thrown) => thrown,
      )
    t.ok(error instanceof ConfigurationError, `${message}`)
    t.match(error.problems, [{ variable: 'AUDIT_FILE', message }])
  }
  await fails({ file, stream: 'two' }, /has the records of the stream one, and AUDIT_STREAM is another one/)
  await fails({ file: join(folders, 'missing', 'audit.jsonl') }, /cannot be written \(ENOENT\)/)
  await fails({ file: '/proc/audit.jsonl' }, /cannot be written \((ENOENT|EACCES)\)/)
  appendFileSync(file, 'text\n')
  await fails({ file }, /has a line that is not a record/)
})

t.test('an incomplete line has a record before the start', async (t) => {
  const file = createPath()
  await (await startLog(t, { file })).close()
  appendFileSync(file, '{"torn')
  await (await startLog(t, { file })).close()
  t.same(kindsIn(file), ['started', 'checkpoint', 'torn', 'started', 'checkpoint'])
  t.match(readRecords(file)[2], { bytes: 6, sha256: sha256('{"torn') })
  t.same(good(file), [])
})

t.test('records that come together are confirmed in their order, also across files', async (t) => {
  for (const sync of ['batch', 'always'] as const) {
    const file = createPath()
    const { log } = await startLog(t, { file, sync, rotateBytes: 4096 })
    const confirmed: number[] = []
    await Promise.all(
      Array.from({ length: 100 }, async (_, number) => {
        await log.record(decision(`${number}`))
        t.ok(readLines(file).some((line) => JSON.parse(line).requestId === `${number}`))
        confirmed.push(number)
      }),
    )
    t.same(
      confirmed,
      Array.from({ length: 100 }, (_, number) => number),
    )
    t.same(good(file), [], sync)
    t.equal(readLines(file).length, 101)
  }
})

t.test('records go to the log as they are in the file, whatever its level', async (t) => {
  const file = createPath()
  const { log, lines } = await startLog(t, { file, stdout: true })
  await Promise.all([log.record(decision('one')), log.record(decision('two'))])
  const shipped = lines().filter(({ msg }) => msg === 'audit record')
  t.same(
    shipped.map(({ audit }) => JSON.stringify(audit)),
    readLines(file),
  )
  t.equal(shipped.length, 3)
})

t.test('the log alone has a chain, too', async (t) => {
  const { log, close, lines } = await startLog(t, { stdout: true, stream: 'alone' })
  t.equal(log.freeBytes, undefined)
  await log.record(decision('one'))
  await close()
  const chain = lines().filter(({ audit }) => audit !== undefined)
  t.same(findChainProblems(chain.map(({ audit }) => JSON.stringify(audit))), [])
  t.equal(chain.length, 3)
})

t.test('a full disk', async (t) => {
  const folder = join(createPath(), '..')
  if (!(await mountDisk(t, folder, 'size=512k'))) {
    t.pass('a disk cannot be mounted here')
    return
  }
  const file = join(folder, 'audit.jsonl')
  const filler = join(folder, 'filler')
  writeFileSync(filler, Buffer.alloc(490 * 1024))
  const { log, close, lines } = await startLog(t, { file })
  await log.record(decision('before'))
  const records = Array.from({ length: 300 }, (_, number) => {
    const outcome = number % 3 === 0 ? 'refused' : 'signed'
    return decision(`${number}`, number % 3 === 2 ? { outcome: 'refused', signatureMade: true } : { outcome })
  })
  const [earliest, ...outcomes] = await outcomesOf(records.map((record) => log.record(record)))
  t.equal(earliest, 'recorded', 'it is written while the others come')
  t.same(
    new Set(outcomes),
    new Set(['AUDIT_UNAVAILABLE']),
    'a batch of which a part found room is not confirmed',
  )
  t.equal(log.problem, 'decisions cannot be recorded')
  t.throws(() => log.check(), { code: 'AUDIT_UNAVAILABLE' })
  t.match(lines(), [{ msg: 'the audit log cannot be written: nothing is signed', reason: 'ENOSPC' }])
  t.same(
    await outcomesOf([
      log.record(decision('later', { outcome: 'refused' })),
      log.record(decision('signed later')),
      log.record({ kind: 'refusals', count: 7, codes: { HSM_BUSY: 7 } }),
    ]),
    Array.from({ length: 3 }, () => 'AUDIT_UNAVAILABLE'),
  )
  await until('it has been tried again', () => lines().some(({ msg }) => msg === 'the audit log waits'))
  t.ok(Number(log.freeBytes) < 8192)
  t.equal(log.problem, 'decisions cannot be recorded')

  rmSync(filler)
  await isReady({ log })
  await log.record(decision('after'))
  t.same(good(file), [])
  const kept = readRecords(file)
  const begins = kept.filter((record) => record.kind === 'started')
  t.match(begins[1], { reason: 'recovered', unanswered: { first: 4 } })
  const { unanswered, number: begun } = begins[1] as Extract<(typeof begins)[number], { kind: 'started' }>
  t.equal(kept[begun - 2]?.kind, 'torn')
  t.equal(unanswered?.last, begun - 2)
  t.ok(Number(unanswered?.last) > 4, 'records that were written, and nobody was told so')
  const told = begins.reduce((sum, one) => sum + (one.kind === 'started' ? (one.unrecorded ?? 0) : 0), 0)
  t.equal(told, 99 + 1 + 7, 'refusals are counted')
  const signed = [...records.filter((_, number) => number % 3 !== 0), decision('signed later')]
  for (const record of signed) {
    const { requestId } = record as { requestId: string }
    const found = kept.filter((one) => one.kind === 'decision' && one.requestId === requestId)
    t.equal(found.length, 1, `${requestId} is in the file once`)
    const [{ number, ...one }] = found as [Extract<(typeof kept)[number], { kind: 'decision' }>]
    const isUnanswered = number >= 4 && number <= Number(unanswered?.last)
    t.ok(
      isUnanswered || (one.outcome === 'refused' && one.code === 'AUDIT_UNAVAILABLE' && one.signatureMade),
      'and not as a signature that somebody has',
    )
  }
  t.match(lines().at(-1), { msg: 'the audit log can be written again' })
  await close()
  t.same(good(file), [])
})

t.test('a disk that is full again while what is owed is written', async (t) => {
  const folder = join(createPath(), '..')
  if (!(await mountDisk(t, folder, 'size=512k'))) {
    t.pass('a disk cannot be mounted here')
    return
  }
  const file = join(folder, 'audit.jsonl')
  const { log, lines } = await startLog(t, { file })
  const parts = fillDisk(folder, 12_288)
  await Promise.allSettled(Array.from({ length: 200 }, (_, number) => log.record(decision(`${number}`))))
  await outcomesOf([log.record(decision('refused', { outcome: 'refused' }))])
  t.ok(log.problem)
  for (const part of parts.splice(0, 4)) {
    // Each attempt gets further, and tears a line
    const { size } = statSync(file)
    rmSync(part)
    await until('it was tried', () => log.problem === undefined || statSync(file).size > size)
  }
  t.ok(log.problem)
  for (const part of parts) {
    rmSync(part)
  }
  await isReady({ log })
  t.same(good(file), [])
  const kept = readRecords(file)
  for (let number = 0; number < 200; number += 1) {
    t.equal(
      kept.filter((one) => one.kind === 'decision' && one.requestId === `${number}`).length,
      1,
      `${number}`,
    )
  }
  const told = kept.flatMap((one) => (one.kind === 'started' && one.unrecorded ? [one.unrecorded] : []))
  t.same(told, [1], 'what was refused is told once, also if that was not known to be written')
  t.ok(lines().some(({ reason }) => reason === 'ENOSPC'))
})

t.test('a disk that is full at the start', async (t) => {
  const folder = join(createPath(), '..')
  if (!(await mountDisk(t, folder, 'size=64k'))) {
    t.pass('a disk cannot be mounted here')
    return
  }
  const file = join(folder, 'audit.jsonl')
  await (await startLog(t, { file, stream: 'one' })).close()
  const parts = fillDisk(folder, 4096)
  // The page that the file has is filled up, too
  const third = { ...readRecords(file)[1], number: 3, signer: '' }
  const room = 4096 - statSync(file).size - JSON.stringify(third).length - 20
  appendFileSync(file, `${JSON.stringify({ ...third, signer: 'x'.repeat(room) })}\n`)
  const created = createLog(t, { file })
  const { log, lines } = created
  await log.start()
  t.equal(log.problem, 'decisions cannot be recorded')
  t.same(await outcomesOf([log.record(decision('one', { outcome: 'refused' }))]), ['AUDIT_UNAVAILABLE'])
  for (const part of parts) {
    rmSync(part)
  }
  await isReady(created)
  const last = readRecords(file).at(-1)
  t.match(last, { kind: 'started', reason: 'start', stream: 'one', unrecorded: 1 })
  t.notMatch(last, { unanswered: {} }, 'records of the process before are no matter of this one')
  t.match(lines()[0], { reason: 'ENOSPC' })
  t.equal(findChainProblems(readLines(file).slice(3), 4, sha256(readLines(file)[2] ?? '')).length, 0)
})

t.test('a file that was removed, replaced or emptied is begun anew, with the chain', async (t) => {
  for (const [what, change] of [
    ['removed', (file: string) => rmSync(file)],
    ['replaced', (file: string) => renameSync(file, `${file}.1`)],
    ['emptied', (file: string) => truncateSync(file)],
  ] as const) {
    const file = createPath()
    const created = await startLog(t, { file, stream: 'one' })
    const { log } = created
    await log.record(decision('before'))
    const [, before = ''] = readLines(file)
    change(file)
    t.same(await outcomesOf([log.record(decision('meanwhile'))]), ['AUDIT_UNAVAILABLE'], what)
    await isReady(created)
    await log.record(decision('after'))
    const lines = readLines(file)
    const records = readRecords(file)
    t.equal(records.at(-1)?.kind, 'decision')
    const begin = records.findIndex(({ kind }) => kind === 'started')
    t.match(records[begin], { kind: 'started', reason: 'recovered', stream: 'one' })
    t.same(
      findChainProblems(lines, 3, sha256(before)),
      [],
      'what is missing is seen, and all else is one chain',
    )
    t.equal(records.filter((one) => one.kind === 'decision' && one.requestId === 'meanwhile').length, 1)
  }
})

t.test('what comes while the file is begun again is recorded behind that', async (t) => {
  const file = createPath()
  const created = await startLog(t, { file })
  rmSync(file)
  const record = (requestId: string) =>
    outcomesOf([created.log.record(decision(requestId, { outcome: 'refused' }))])
  const recorded = [record('lost')]
  await Promise.all(recorded)
  let count = 0
  while (created.log.problem !== undefined) {
    count += 1
    recorded.push(record(`${count}`))
    await new Promise((resolve) => setImmediate(resolve))
  }
  const missed = (await Promise.all(recorded)).filter(([one]) => one === 'AUDIT_UNAVAILABLE').length
  const [begun] = readRecords(file)
  t.match(begun, { kind: 'started', unrecorded: missed })
  t.equal(readRecords(file).length, 1 + recorded.length - missed)
})

t.test('checkpoints', async (t) => {
  /** Signs by hashing: what is tested is when it is asked. */
  function createSigner() {
    const state = { isReady: true, fails: undefined as Error | undefined, statements: [] as string[] }
    const signer: CheckpointSigner = {
      get isReady() {
        return state.isReady
      },
      async sign(statement) {
        if (state.fails !== undefined) {
          throw state.fails
        }
        state.statements.push(`${statement}`)
        return { signer: 'house', signature: Buffer.from(sha256(statement), 'hex').toString('base64') }
      },
    }
    return { state, signer }
  }
  const count = (file: string) => checkpointsIn(file).length

  t.test('are due after a number of records, and not when idle', async (t) => {
    const file = createPath()
    const { state, signer } = createSigner()
    const { log, close } = await startLog(t, { file, checkpointRecords: 5 }, signer)
    t.equal(count(file), 1, 'the start has one')
    t.equal(log.checkpointAge, 0)
    t.equal(log.checkpointInterval, 86_400)
    const record = (number: number) =>
      Promise.all(Array.from({ length: number }, () => log.record(decision('x'))))
    await record(4)
    t.ok(Number(log.checkpointAge) >= 0)
    await delay(2_500)
    t.equal(count(file), 1)
    await record(1)
    await until('there is one more', () => count(file) === 2)
    await delay(1_500)
    t.equal(count(file), 2, 'it needs no other')
    const [, checkpoint] = checkpointsIn(file)
    t.match(checkpoint, { closes: false, signer: 'house' })
    t.equal(JSON.stringify(checkpoint?.statement), state.statements[1], 'what was signed stands in the line')
    t.match(readLines(file).at(-1), `"statement":${state.statements[1]}`)
    t.equal(checkpoint?.statement.records, 7)
    await close()
    t.same(good(file), [])
    t.match(checkpointsIn(file).at(-1), { closes: true, signer: 'house' })
  })

  t.test('are due after a time, if there are records', async (t) => {
    const file = createPath()
    const { signer } = createSigner()
    const { log } = await startLog(t, { file, checkpointMs: 1_000 }, signer)
    await delay(3_000)
    t.equal(count(file), 1)
    await log.record(decision('x'))
    await until('there is one', () => count(file) === 2)
    t.same(good(file), [])
  })

  t.test('wait for their signer, and tell why', async (t) => {
    const file = createPath()
    const { state, signer } = createSigner()
    state.isReady = false
    const { log, lines } = await startLog(t, { file, checkpointMs: 1_000 }, signer)
    await delay(1_500)
    t.equal(count(file), 0)
    t.ok(Number(log.checkpointAge) >= 1, 'the age is that of the start')
    t.same(lines(), [], 'a signer that is starting is no fault')
    state.isReady = true
    state.fails = new Error('no such signer')
    const message = 'a checkpoint of the audit log cannot be signed'
    await until('it is told', () =>
      lines().some(({ msg, reason }) => msg === message && reason === 'no such signer'),
    )
    t.equal(count(file), 0)
    state.fails = undefined
    await until('it is made', () => count(file) === 1)
    t.equal(log.problem, undefined)
    t.notOk(
      lines().some(({ msg }) => msg === 'the audit log waits'),
      'it was written all the while',
    )
  })

  t.test('are signed anew where the clock is set meanwhile', async (t) => {
    const file = createPath()
    const { state, signer } = createSigner()
    state.isReady = false
    const { lines } = await startLog(t, { file, checkpointMs: 1_000 }, signer)
    const clock = Date.now
    t.teardown(() => {
      Date.now = clock
    })
    Date.now = () => clock() + (state.statements.length === 0 ? 0 : 70_000)
    state.isReady = true
    await until('it is made', () => count(file) === 1)
    t.match(lines(), [{ reason: 'the clock was set, or the machine slept, meanwhile' }])
    t.equal(state.statements.length, 2)
    t.same(good(file), [])
  })

  t.test('at the end there is one without a signature where it cannot be signed', async (t) => {
    for (const change of [
      { isReady: false },
      { fails: Object.assign(new Error(), { code: 'HSM_TIMEOUT' }) },
    ]) {
      const file = createPath()
      const { state, signer } = createSigner()
      const { close, lines } = await startLog(t, { file }, signer)
      Object.assign(state, change)
      await close()
      t.match(checkpointsIn(file).at(-1), { closes: true, signer: undefined, signature: undefined })
      t.match(lines(), [{ reason: /the signer is not ready|HSM_TIMEOUT/ }])
      t.same(good(file), [])
    }
  })

  t.test('the last one covers what came just before the end', async (t) => {
    const file = createPath()
    const { signer } = createSigner()
    const { log, close } = await startLog(t, { file, sync: 'always' }, signer)
    const recorded = Array.from({ length: 20 }, (_, number) => log.record(decision(`${number}`)))
    await close()
    await Promise.all(recorded)
    const last = checkpointsIn(file).at(-1)
    t.equal(last?.statement.records, Number(last?.number) - 1)
    t.same(good(file), [])
  })
})

t.test('an end that cannot be recorded is told', async (t) => {
  const file = createPath()
  const { log, close, lines } = await startLog(t, { file })
  rmSync(join(file, '..'), { recursive: true })
  await outcomesOf([log.record(decision('x'))])
  await close()
  t.match(lines().at(-1), { msg: 'the end of the audit log is not recorded', reason: 'ENOENT' })
})

t.test('an end before the next attempt is recorded, with what was owed', async (t) => {
  const file = createPath()
  const { log, close } = await startLog(t, { file })
  rmSync(file)
  await outcomesOf([log.record(decision('owed'))])
  await close()
  t.same(kindsIn(file), ['started', 'decision', 'checkpoint'])
})

t.test('of signatures that nobody was given a thousand have records', async (t) => {
  const file = createPath()
  const created = await startLog(t, { file })
  rmSync(file)
  await outcomesOf(Array.from({ length: 1_005 }, (_, number) => created.log.record(decision(`${number}`))))
  await isReady(created)
  t.match(readRecords(file)[0], { kind: 'started', unrecorded: 5 })
  t.equal(readRecords(file).length, 1_001)
})
