import t from 'tap'
import { issue } from '../../support/certificates.ts'
import { stepsOf } from '../../support/check.ts'
import { runCommand } from '../../support/command.ts'
import { createSignersFolder } from '../../support/signers.ts'
import {
  createIssuers,
  createResponder,
  FOR_TIMESTAMPS,
  type Responder,
  send,
  startTimestampServer,
} from '../../support/timestamp-authority.ts'

const folder = await createSignersFolder(t.testdir())
await folder.addKey('house')
await folder.addKey('contracts')
const { root, issuing } = createIssuers(folder.path('tsa'))
const [respond, respondAgain] = ['Timestamp authority', 'Other authority'].map((name) => {
  const subject = `/O=Test/CN=${name}`
  const signer = issue(folder.path('tsa'), { subject, issuer: issuing, extensions: FOR_TIMESTAMPS })
  return createResponder(folder.path('tsa'), { signer, chain: [issuing] })
}) as [Responder, Responder]
const good = await startTimestampServer(t, async (query, response, { url }) =>
  send(response, await (url?.endsWith('?again') ? respondAgain : respond)(query)),
)
const bad = await startTimestampServer(t, (_query, response) =>
  response.writeHead(401).end('tsa-password-4711'),
)
const silent = await startTimestampServer(t, () => {})
const environment = { ...folder.environment, HSM_SESSIONS: '1', REVOCATION_CHECK: 'off' }
const CHAIN = 'O=Test, CN=Timestamp authority < O=Test, CN=Timestamp CA'

t.test('each authority is asked once, however many signers have it', async (t) => {
  folder.write(['house', 'contracts'])
  const asked = good.seen.requests.length
  const variables = { LEVEL: 'b-t', TSA_URL: good.url.href, TSA_CA_FILE: root.certificateFile }
  const { exitCode, steps } = await stepsOf({ ...environment, ...variables }, 'timestamp')
  t.equal(exitCode, 0)
  t.strictSame(
    steps.map(({ signer, status }) => [signer, status]),
    [
      ['house', 'ok'],
      ['contracts', 'ok'],
    ],
  )
  for (const { found, figures } of steps) {
    t.match(found, new RegExp(`^${good.url.host} gave one in \\d+ ms: ${CHAIN} < O=Test, CN=Timestamp root$`))
    t.match(figures, { timestampMs: Number })
  }
  t.equal(good.seen.requests.length, asked + 1)
})

t.test('signers have their own, and none where their containers have no timestamp', async (t) => {
  folder.write({
    house: folder.entry('house', { level: 'b-b' }),
    contracts: folder.entry('contracts', {
      level: 'b-t',
      timestamps: [
        { url: good.url.href },
        { url: bad.url.href },
        { url: `${good.url}?again` },
        { url: silent.url.href },
      ],
    }),
  })
  const { exitCode, steps } = await stepsOf({ ...environment, HSM_TIMEOUT_MS: '3000' }, 'timestamp')
  t.equal(exitCode, 1)
  t.match(steps, [
    { signer: 'contracts', status: 'ok', found: `${good.url.host} (1) gave one in ` },
    {
      status: 'failed',
      found: `${bad.url.host} answered with the HTTP status 401; check its user and password`,
    },
    { status: 'ok', found: /\(2\) gave one in \d+ ms: O=Test, CN=Other authority < / },
    {
      status: 'failed',
      found: `${silent.url.host} did not answer within 3000 ms`,
      advice: /^Correct the settings/,
    },
  ])
  t.equal(steps.length, 4)
  t.match(steps[0]?.found, new RegExp(`${CHAIN}; no trust anchor is configured$`))
  t.notMatch(JSON.stringify(steps), 'tsa-password-4711')
})

t.test('for people, with the authority that cannot be trusted', async (t) => {
  folder.write(['house'])
  const variables = { LEVEL: 'b-t', TSA_URL: good.url.href, TSA_CA_FILE: folder.root.certificateFile }
  const { exitCode, stdout, stderr } = await runCommand({ ...environment, ...variables }, 'check')
  t.equal(exitCode, 1)
  t.equal(stderr, 'Not all is well: timestamp\n')
  t.match(
    stdout,
    new RegExp(`\\nfailed +timestamp +${good.url.host} cannot be trusted: .*\\n +-> Correct the settings`),
  )
})
