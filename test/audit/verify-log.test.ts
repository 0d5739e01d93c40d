import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { AuditRecord } from '../../schemas/audit-record.ts'
import { encodeCanonical, hashLine, NO_HEAD } from '../../src/audit/chain.ts'
import { type LogReport, type VerificationOptions, verifyLog } from '../../src/audit/verify-log.ts'
import {
  buildLog,
  createCheckpointAuthorities,
  decision,
  LogBuilder,
  parse,
  signStatement,
  split,
  started,
  trustIn,
  writeFiles,
} from '../support/audit-log.ts'
import { PROPERTY_RUNS } from '../support/property-runs.ts'

const directory = t.testdir()
const authorities = createCheckpointAuthorities(join(directory, 'authorities'))
const trust = trustIn(authorities)
const lines = await buildLog(authorities, 180)
const parts = split(lines, 4)
const files = writeFiles(join(directory, 'log'), parts)
let written = 0

/** Verifies lines, in as many files as there are lists of them. */
function verify(
  parts: readonly (readonly string[])[],
  changes: Partial<VerificationOptions> = {},
): Promise<LogReport> {
  written += 1
  return verifyLog(writeFiles(join(directory, `log-${written}`), parts), { ...trust, ...changes })
}

/** Rewrites a chain from a record on, as somebody could who has no key. */
function rechain(lines: readonly string[], from: number, change: (record: AuditRecord) => object): string[] {
  let previous = from === 0 ? NO_HEAD : hashLine((lines[from - 1] as string).trimEnd())
  return lines.map((line, index) => {
    if (index < from) {
      return line
    }
    const record = index === from ? change(parse(line)) : parse(line)
    const next = encodeCanonical({ ...record, previous })
    previous = hashLine(next)
    return `${next}\n`
  })
}

t.test('a log in several files is proven, and what is in it is counted', async (t) => {
  const report = await verifyLog(files, trust)
  t.match(report, {
    proven: true,
    wrong: undefined,
    missing: [],
    stream: 'main',
    firstRecord: 1,
    lastRecord: lines.length,
    from: parse(lines[0] as string).time,
    to: parse(lines.at(-1) as string).time,
    kinds: { decision: 184, refusals: 1, started: 3, torn: 1, clock: 1, checkpoint: 4 },
    signed: 183,
    refused: 8,
    checkpoints: {
      ...{ signed: 3, unsigned: 1, otherSigners: 0 },
      signers: [{ subject: 'O=Test, CN=Audit', trusted: true, checkpoints: 3 }],
      last: { number: lines.length, records: lines.length - 1, subject: 'O=Test, CN=Audit' },
    },
    timestamps: { count: 2, trusted: true },
    provenTo: lines.length - 1,
    unproven: { records: 0, seconds: 0 },
    incompleteBytes: 0,
  })
  t.ok(report.timestamps.maxDistanceMs < 600_000)
})

interface Change {
  readonly name: string
  /** Changes the lines of the four files, by random numbers from 0 to 1; undefined if that changes nothing. */
  change(parts: readonly (readonly string[])[], random: readonly number[]): (readonly string[])[] | undefined
}

const at = (random: number | undefined, length: number) => Math.floor((random ?? 0) * length)
const flat =
  (change: (lines: readonly string[], random: readonly number[]) => string[] | undefined): Change['change'] =>
  (parts, random) => {
    const changed = change(parts.flat(), random)
    return changed && split(changed, 4)
  }

/** Each finds nothing wrong in its own place only if the chain does not hold. */
const CHANGES: readonly Change[] = [
  {
    name: 'a byte is altered',
    change: flat((lines, [line, place, to]) => {
      // The last line is proven by nothing but itself, which another test is about
      const index = at(line, lines.length - 1)
      const bytes = Buffer.from(lines[index] as string)
      const offset = at(place, bytes.length)
      const value = at(to, 256)
      if (bytes[offset] === value) {
        return undefined
      }
      bytes[offset] = value
      return lines.toSpliced(index, 1, bytes.toString('latin1'))
    }),
  },
  { name: 'a line is removed', change: flat((lines, [line]) => lines.toSpliced(at(line, lines.length), 1)) },
  {
    name: 'two lines are swapped',
    change: flat((lines, [one, other]) => {
      const [first, second] = [at(one, lines.length), at(other, lines.length)]
      return first === second
        ? undefined
        : lines.with(first, lines[second] as string).with(second, lines[first] as string)
    }),
  },
  {
    name: 'a line is inserted once more',
    change: flat((lines, [one, other]) =>
      lines.toSpliced(at(one, lines.length + 1), 0, lines[at(other, lines.length)] as string),
    ),
  },
  {
    name: 'the end is cut off',
    change: flat((lines, [rest]) => {
      const left = lines.slice(0, at(rest, lines.length))
      // A log that was closed there before is as whole as it was then
      return left.at(-1)?.includes('"closes":true') ? undefined : left
    }),
  },
  {
    name: 'the end is cut off within a line',
    change: flat((lines, [bytes]) => {
      const text = lines.join('')
      const left = text.slice(0, at(bytes, text.length))
      return left.endsWith('\n') ? undefined : left.split(/(?<=\n)/)
    }),
  },
  {
    name: 'a record is altered, and the chain is made anew from there on',
    change: flat((lines, [line, to]) => {
      const index = at(line, lines.length - 1)
      const digest = at(to, 2 ** 32)
        .toString(16)
        .padStart(64, '0')
      return rechain(lines, index, (record) => ({ ...record, ...decision({ digest }) }))
    }),
  },
]

/** There are a dozen kinds of changes, each of which has so many tried, with files that are written and read. */
const RUNS = Math.ceil(PROPERTY_RUNS / 5)

/** Latin-1 keeps bytes that are no UTF-8 apart. */
function write(name: string, parts: readonly (readonly string[])[]): string[] {
  const files = writeFiles(join(directory, name), parts)
  for (const [index, file] of files.entries()) {
    const part = parts[index] as readonly string[]
    const bytes = part.map((line) => Buffer.from(line, lines.includes(line) ? 'utf8' : 'latin1'))
    writeFileSync(file, Buffer.concat(bytes))
  }
  return files
}

for (const { name, change } of CHANGES) {
  t.test(`found: ${name}`, async (t) => {
    let tried = 0
    const number = fc.noBias(fc.nat(2 ** 31 - 1)).map((number) => number / 2 ** 31)
    await fc.assert(
      fc.asyncProperty(fc.array(number, { minLength: 3, maxLength: 3 }), async (random) => {
        const changed = change(parts, random)
        if (changed !== undefined) {
          tried += 1
          const { proven, wrong, missing } = await verifyLog(write('changed', changed), trust)
          return !proven && (wrong !== undefined || missing.length > 0)
        }
        return true
      }),
      { numRuns: RUNS },
    )
    t.ok(tried > RUNS / 2)
  })
}

t.test('found: files in another order, missing, empty or given twice', async (t) => {
  const [a = '', b = '', c = '', d = ''] = files
  const empty = join(directory, 'audit-000000000099.jsonl')
  writeFileSync(empty, '')
  t.ok((await verifyLog([a, b, empty, c, d], trust)).proven, 'an empty one is none')
  const cases: [string[], RegExp][] = [
    [[b, a, c, d], /has number 50, and|is the first one here, but has number/],
    [[a, c, b, d], /has number \d+, where 50 belongs/],
    [[a, b, d, c], /has number \d+, where \d+ belongs/],
    [[b, c, d], /is the first one here/],
    [[a, c, d], /has number \d+, where 50 belongs/],
    [[a, b, c], /does not close the chain/],
    [[a, a, b, c, d], /has number 1, where 50 belongs/],
    [[empty], /there is no record/],
  ]
  for (const [given, expected] of cases) {
    const { proven, wrong, missing } = await verifyLog(given, trust)
    t.notOk(proven)
    t.match([wrong?.reason, ...missing].join(), expected)
  }
})

t.test('a rotated file has the number of its first record in its name', async (t) => {
  const renamed = join(directory, 'audit-000000000002.jsonl')
  writeFileSync(renamed, lines.join(''))
  t.match(await verifyLog([renamed], trust), {
    wrong: {
      file: renamed,
      line: 1,
      reason: 'has number 1, and is the first one of a file whose name says 2',
    },
  })
})

t.test('the first wrong record is named', async (t) => {
  const [first = [], second = [], ...rest] = parts
  const altered = second.with(9, (second[9] as string).replace('contracts-app', 'contracts-apq'))
  const { wrong } = await verify([first, altered, ...rest])
  t.match(wrong, {
    file: /audit-0000000000\d\d\.jsonl$/,
    // An altered record is noticed at the next one
    line: 11,
    number: first.length + 11,
    reason: /that line was altered, or this one/,
  })
})

t.test('what is wrong with a record', async (t) => {
  const base = new LogBuilder().add(started).decide(3).lines
  const cases: [string, (record: AuditRecord) => object, RegExp][] = [
    [
      'another stream',
      (record) => ({ ...record, stream: 'other' }),
      /is of the stream other, and not of main/,
    ],
    ['another number', (record) => ({ ...record, number: 7 }), /has number 7, where 3 belongs/],
    ['an earlier time', (record) => ({ ...record, time: '2020-01-01T00:00:00.000Z' }), /has a time before/],
    [
      'a clock that was not set back',
      ({ stream, number, time }) => ({ kind: 'clock', from: time, stream, number, time }),
      /says that the clock was set back/,
    ],
    ['an unknown member', (record) => ({ ...record, more: 1 }), /has a member that is not known at \/more/],
  ]
  for (const [name, change, reason] of cases) {
    const { wrong } = await verify([rechain(base, 2, change)])
    t.match(wrong, { line: 3, number: 3, reason }, name)
  }
  const [first = '', ...others] = base
  t.match((await verify([[first.replace(NO_HEAD, '1'.repeat(64)), ...others]])).wrong, {
    ...{ line: 1, reason: /is the first of a chain, but its "previous" is not zeros/ },
  })
  t.notOk('number' in ((await verify([['{}\n']])).wrong ?? {}), 'which number it should have is not known')
  const long = `"${'a'.repeat(1_048_576)}"\n`
  t.match((await verify([[first, long]])).wrong, { line: 2, reason: 'is longer than 1048576 bytes' })
})

t.test('after the end of the service, or a torn line, it has to start', async (t) => {
  const torn = { kind: 'torn', bytes: 1, sha256: 'a'.repeat(64) } as const
  const after = { wrong: { reason: /after which only a start can come/ } }
  const log = () => new LogBuilder().add(started).decide(2)
  t.match(await verify([log().add(torn).decide(1).lines]), after)
  const closed = log()
  closed.checkpoint(closed.statement(), undefined, true)
  closed.now -= 10
  // A clock record may come first
  t.equal((await verify([closed.add(torn, torn, started).lines])).wrong, undefined)
  const ended = log()
  t.match(await verify([ended.checkpoint(ended.statement(), undefined, true).decide(1).lines]), after)
})

t.test('a start may be missing, and then nothing before it is proven', async (t) => {
  const [, ...rest] = parts
  const report = await verifyLog(files.slice(1), { ...trust, openStart: true })
  t.ok(report.proven, report.missing.join())
  t.equal(report.firstRecord, 50)
  t.equal(rest.flat().length, lines.length - 49)
  const zeros = rechain(lines, 0, (record) => record).with(0, lines[0] as string)
  t.ok((await verify([zeros], { openStart: true })).proven, 'it need not be missing')
})

t.test('a checkpoint about records before the first one proves none', async (t) => {
  const log = new LogBuilder().add(started).decide(5)
  await log.sign(authorities, { between: 5 })
  const behind = (from: number) => verify([log.lines.slice(from)], { openStart: true, openEnd: true })
  const report = await behind(8)
  t.equal(report.wrong, undefined)
  t.equal(report.provenTo, 0)
  t.notOk(report.proven)
  t.equal((await behind(6)).provenTo, 0, 'also about the one right before the first')
  t.equal((await behind(5)).provenTo, 6)
  const changed = rechain(log.lines.slice(6), 5, (record) =>
    record.kind === 'checkpoint' ? { ...record, statement: { ...record.statement, head: NO_HEAD } } : record,
  )
  const { wrong } = await verify([[log.lines[6] as string, ...changed.slice(1)]], {
    openStart: true,
    openEnd: true,
  })
  t.ok(wrong)
})

t.test('an end may be missing: then it is told how much comes after what is proven', async (t) => {
  const log = new LogBuilder().add(started).decide(10)
  await log.sign(authorities, { between: 4 })
  log.now += 90_000
  log.decide(1)
  const closed = await verify([log.lines])
  t.match(closed.missing, [
    /the last record, 17, does not close the chain/,
    'nothing proves the records after number 11',
  ])
  t.match(await verify([log.lines], { openEnd: true }), {
    ...{ proven: true, provenTo: 11, unproven: { records: 6, seconds: 90 }, incompleteBytes: 0 },
  })
  const torn = [...log.lines, '{"access":']
  t.match(await verify([torn], { openEnd: true }), { proven: true, incompleteBytes: 10 })
  t.match(await verify([torn]), { wrong: { line: 18, reason: 'is not complete: the line has no end' } })
  t.match(await verify([torn, []], { openEnd: true }), { wrong: { line: 18 } }, 'only in the last file')
})

t.test('who closes a chain without a key proves nothing', async (t) => {
  const log = new LogBuilder().add(started).decide(10)
  await log.sign(authorities)
  log.decide(1).checkpoint(log.statement(), undefined, true)
  t.match((await verify([log.lines])).missing, ['nothing proves the records after number 11'])
  t.match((await verify([log.lines], { openEnd: true })).unproven, { records: 2 })
})

t.test('a clock record may come between the last statement and the end', async (t) => {
  const log = new LogBuilder().add(started).decide(10)
  const statement = log.statement()
  const signature = await signStatement(statement, authorities.signer)
  log.now -= 5
  t.equal(parse(log.checkpoint(statement, signature, true).lines.at(-2) as string).kind, 'clock')
  t.ok((await verify([log.lines])).proven)
})

t.test('a hash that was noted elsewhere proves what is above it', async (t) => {
  const log = new LogBuilder().add(started).decide(10)
  const head = hashLine((log.lines[5] as string).trimEnd())
  const none = { certificates: [], timestampAnchors: [], openEnd: true }
  t.match(await verify([log.lines], { ...none, heads: [head] }), {
    proven: true,
    provenTo: 6,
    unproven: { records: 5 },
  })
  t.match(await verify([log.lines], { ...none, heads: [head, NO_HEAD] }), {
    ...{ proven: false, missing: [`no line has the SHA-256 ${NO_HEAD} that was noted elsewhere`] },
  })
  t.match(await verify([log.lines], none), { missing: [/no checkpoint is signed, so that/] })
})

t.test('without a certificate nobody vouches for the signer', async (t) => {
  const report = await verifyLog(files, { ...trust, certificates: [] })
  t.match(report, {
    ...{ proven: false, provenTo: 0, missing: [/nobody vouches for the signers of the checkpoints/] },
    checkpoints: { signed: 3, signers: [{ trusted: false, sha256: /^[0-9a-f]{64}$/ }] },
  })
  const withoutTsa = await verifyLog(files, { ...trust, timestampAnchors: [] })
  t.match(withoutTsa, { proven: true, timestamps: { count: 2, trusted: false } })
})

t.test('a statement has to be about the chain', async (t) => {
  const log = () => new LogBuilder().add(started).decide(5)
  const refuses = async (
    t: Test,
    change: (statement: ReturnType<LogBuilder['statement']>) => object,
    reason: RegExp,
  ) => {
    const made = log()
    const statement = { ...made.statement(), ...change(made.statement()) }
    made.checkpoint(statement, await signStatement(statement, authorities.signer))
    t.match((await verify([made.lines])).wrong, { line: 7, reason })
  }
  await refuses(
    t,
    () => ({ head: 'a'.repeat(64) }),
    /about record 6 with another "head" than the SHA-256 of its line/,
  )
  await refuses(t, () => ({ records: 5 }), /about record 5 with another "head"/)
  await refuses(t, () => ({ records: 7 }), /about record 7, which does not come before it/)
  await refuses(t, () => ({ records: 8 }), /about record 8, which does not come before it/)
  await refuses(t, () => ({ stream: 'other' }), /about the stream other/)
})

t.test('of the last checkpoint, all but its time and the name of its signer is proven', async (t) => {
  const changed = async (change: (record: Extract<AuditRecord, { kind: 'checkpoint' }>) => object) => {
    const all = [...lines]
    const last = parse(all.pop() as string) as Extract<AuditRecord, { kind: 'checkpoint' }>
    return (await verify([[...all, `${encodeCanonical({ ...last, ...change(last) })}\n`]])).proven
  }
  t.ok(await changed(() => ({})))
  t.notOk(await changed(() => ({ closes: false })))
  t.notOk(await changed(() => ({ number: 1 })))
  t.notOk(await changed(() => ({ previous: NO_HEAD })))
  t.notOk(await changed(() => ({ stream: 'other' })))
  t.notOk(
    await changed(({ statement }) => ({ statement: { ...statement, time: '2026-11-27T00:00:00.000Z' } })),
  )
  t.notOk(await changed(() => ({ signature: undefined })))
  t.ok(await changed(() => ({ signer: 'other' })))
})
