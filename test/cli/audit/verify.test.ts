import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { hashLine } from '../../../src/audit/chain.ts'
import {
  buildLog,
  createCheckpointAuthorities,
  LogBuilder,
  signStatement,
  split,
  started,
  writeFiles,
} from '../../support/audit-log.ts'
import { issue } from '../../support/certificates.ts'
import { runCommand } from '../../support/command.ts'

const directory = t.testdir()
const authorities = createCheckpointAuthorities(join(directory, 'authorities'))
const { root, signer, timestamps } = authorities
const lines = await buildLog(authorities, 30)
const files = writeFiles(join(directory, 'log'), split(lines, 3))
const verify = (...args: string[]) => runCommand({}, 'audit', 'verify', ...args)
const trusted = ['--certificate', root.certificateFile, '--tsa-ca', timestamps.root.certificateFile]

t.test('a log that is whole is proven', async (t) => {
  const { exitCode, stdout, stderr } = await verify(...files, ...trusted)
  t.equal(exitCode, 0, stdout)
  t.equal(stderr, '')
  t.match(stdout, new RegExp(`^Records: 1 to ${lines.length} of the stream main, from .* \\(decision 34, `))
  t.match(
    stdout,
    '\nDecisions: 33 signed, 8 refused.\nCheckpoints: 3 signed, 1 not signed.\n  3 by O=Test, CN=Audit, SHA-256 ',
  )
  t.match(stdout, /\nTimestamps: 2, at most \d+(\.\d+)? seconds from the time of their statements\.\n/)
  t.match(
    stdout,
    `\nThe last signed checkpoint is record ${lines.length}: it covers up to record ${lines.length - 1}, at `,
  )
  t.match(stdout, /\nPROVEN\n$/)
  t.equal(
    (await verify(...files, '--certificate', signer.certificateFile)).exitCode,
    0,
    'by the certificate itself',
  )
})

t.test('as JSON', async (t) => {
  const { exitCode, stdout } = await verify(...files, ...trusted, '--json')
  t.equal(exitCode, 0)
  t.match(JSON.parse(stdout), {
    proven: true,
    missing: [],
    provenTo: lines.length - 1,
    checkpoints: { signed: 3 },
  })
})

t.test('the first wrong record is named', async (t) => {
  const changed = join(directory, 'changed.jsonl')
  writeFileSync(changed, lines.with(3, (lines[3] as string).replace('contracts-app', 'nobody')).join(''))
  const { exitCode, stdout } = await verify(changed, ...trusted)
  t.equal(exitCode, 1)
  t.match(stdout, `\nWrong is ${changed}, line 5, in the place of record 5: it has a "previous" that is not `)
  t.match(stdout, /\nNOT PROVEN\n$/)
  const [first] = JSON.parse((await verify(changed, '--json')).stdout).missing
  t.equal(first, undefined)
  writeFileSync(changed, 'text\n')
  t.match(
    (await verify(changed)).stdout,
    `\nWrong is ${changed}, line 1: it is not valid JSON.\nNOT PROVEN\n`,
  )
  t.equal((await verify(changed, '--open-end')).exitCode, 1)
})

t.test('whose the signatures are is said, and that nobody vouches for them', async (t) => {
  const { exitCode, stdout } = await verify(...files)
  t.equal(exitCode, 1)
  t.match(stdout, /\n {2}3 by O=Test, CN=Audit, SHA-256 [0-9a-f]{64}, for whom nobody vouches\n/)
  t.match(stdout, /, for whose authorities nobody vouches \(--tsa-ca\)\.\n/)
  t.match(
    stdout,
    /\nMissing: nobody vouches for the signers of the checkpoints: --certificate names whom you trust\.\n/,
  )
})

t.test('a running service', async (t) => {
  const log = new LogBuilder().add(started).decide(5)
  await log.sign(authorities, { between: 2 })
  log.now += 30_000
  const file = join(directory, 'running.jsonl')
  writeFileSync(file, `${log.decide(1).lines.join('')}{"a`)
  const { exitCode, stdout } = await verify(file, ...trusted, '--open-end')
  t.equal(exitCode, 0, stdout)
  t.match(stdout, '\nProven up to record 6. After it: 4 records in 30 seconds, which nothing proves yet.\n')
  t.match(stdout, '\nThe last line is incomplete: 3 bytes, which do not count.\n')
  const head = hashLine((log.lines[7] as string).trimEnd())
  const noted = await verify(file, '--open-end', '--head', head.toUpperCase(), '--head', hashLine('other'))
  t.equal(noted.exitCode, 1)
  t.match(noted.stdout, `\nMissing: no line has the SHA-256 ${hashLine('other')} that was noted elsewhere.\n`)
  t.equal((await verify(file, '--open-end', '--head', head)).exitCode, 0)
})

t.test('a part of a log', async (t) => {
  t.equal((await verify(...files.slice(1), ...trusted, '--open-start')).exitCode, 0)
  t.equal((await verify(...files.slice(1), ...trusted)).exitCode, 1)
})

t.test('checkpoints of many', async (t) => {
  const log = new LogBuilder().add(started)
  const signers = Array.from({ length: 21 }, (_, index) => issue(directory, { subject: `/CN=S${index}` }))
  for (const signer of signers) {
    const statement = log.statement()
    log.checkpoint(statement, await signStatement(statement, signer))
  }
  const file = join(directory, 'many.jsonl')
  writeFileSync(file, log.lines.join(''))
  t.match((await verify(file)).stdout, '\n  1 by others\n')
})

t.test('names cannot steer the terminal', async (t) => {
  const file = join(directory, 'steering.jsonl')
  writeFileSync(file, new LogBuilder('\u001b[2J\n').add(started).lines.join(''))
  const { stdout } = await verify(file)
  t.match(stdout, 'of the stream \\u{1b}[2J\\u{a}, ')
  t.notMatch(stdout, '\u001b')
})

t.test('wrong usage, and files that cannot be read', async (t) => {
  t.equal((await verify()).exitCode, 2)
  t.equal((await verify('a', '--head', 'abc')).exitCode, 2)
  const none = await verify(join(directory, 'none.jsonl'))
  t.equal(none.exitCode, 1)
  t.match(none.stderr, /none\.jsonl cannot be read: ENOENT/)
  t.match((await verify(directory)).stderr, /cannot be read: EISDIR/)
  const certificate = await verify(...files, '--certificate', files[0] as string)
  t.equal(certificate.exitCode, 1)
  t.match(certificate.stderr, /cannot be used: it is neither PEM nor a DER certificate/)
})
