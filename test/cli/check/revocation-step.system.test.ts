import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { type Issued, issue } from '../../support/certificates.ts'
import { stepsOf } from '../../support/check.ts'
import { RevocationAuthority } from '../../support/revocation-authority.ts'
import { crlAt, ocspAt } from '../../support/revocation-chain.ts'
import { startRevocationServer } from '../../support/revocation-server.ts'
import { createSignersFolder } from '../../support/signers.ts'
import {
  createResponder,
  FOR_TIMESTAMPS,
  send,
  startTimestampServer,
} from '../../support/timestamp-authority.ts'

const folder = await createSignersFolder(t.testdir())
await folder.addKey('house')
await folder.addKey('contracts')
const server = await startRevocationServer()
t.teardown(() => server.close())
const at = (path: string) => `${server.url}${path}`

/** Below the root, and named a responder and a CRL. */
const middle = issue(folder.path('ca'), {
  ...{ subject: '/CN=Middle CA', ca: true, issuer: folder.root, extension: crlAt(at('/root.crl')) },
})
const root = new RevocationAuthority(folder.directory, folder.root)
const authority = new RevocationAuthority(folder.directory, middle)
root.know(middle.certificate)
folder.put('ca.pem', [middle, folder.root].map(({ certificate }) => String(certificate)).join(''))
server.on('/root.crl', () => root.crl())
server.on('/ocsp', async (request) => {
  // Later than all CRLs
  await delay(1000)
  return authority.respond(request)
})
server.on('/middle.crl', () => authority.crl())

const environment = { ...folder.environment, HSM_SESSIONS: '1' }
const certify = (name: string, ...extensions: string[]) => {
  const { certificate } = folder.certify(name, { issuer: middle, extension: extensions.join('\n') })
  authority.know(certificate)
  return certificate
}
const check = (variables: Record<string, string> = {}, ...args: string[]) =>
  stepsOf({ ...environment, ...variables }, 'revocation', ...args)

t.test('good by OCSP and by a CRL, each asked once for all signers', async (t) => {
  certify('house', ocspAt(at('/ocsp')), crlAt(at('/middle.crl')))
  certify('contracts', crlAt(at('/middle.crl')))
  folder.write(['house', 'contracts'])
  const before = server.asked.length
  const { exitCode, steps } = await check()
  t.equal(exitCode, 0)
  t.match(steps, [
    { signer: 'house', status: 'ok', found: 'good: O=Test, CN=house by OCSP, CN=Middle CA by a CRL' },
    {
      signer: 'contracts',
      status: 'ok',
      found: 'good: O=Test, CN=contracts by a CRL, CN=Middle CA by a CRL',
    },
  ])
  t.strictSame(server.asked.slice(before).toSorted(), ['/middle.crl', '/ocsp', '/root.crl'])
})

t.test('a second signer that is looked for in the same CRL', async (t) => {
  certify('house', crlAt(at('/middle.crl')))
  const contracts = certify('contracts', crlAt(at('/middle.crl')))
  authority.revoke(contracts, new Date('2026-01-02T03:04:05Z'), 'keyCompromise')
  folder.write(['house', 'contracts'])
  const { exitCode, steps } = await check()
  t.equal(exitCode, 1)
  t.match(steps, [
    { status: 'ok', found: /^good: O=Test, CN=house by a CRL/ },
    {
      status: 'failed',
      found:
        'O=Test, CN=contracts was revoked at 2026-01-02T03:04:05.000Z (key compromise); good: CN=Middle CA by a CRL',
      advice: /^Have another certificate issued in place of the one that was revoked, and use that one$/,
    },
  ])
})

t.test('nobody answers', async (t) => {
  certify('house', ocspAt(at('/none')), crlAt(at('/none.crl')))
  folder.write(['house'])
  const { exitCode, steps } = await check()
  t.equal(exitCode, 1)
  t.match(steps, [
    {
      status: 'failed',
      found:
        `good: CN=Middle CA by a CRL; unknown: O=Test, CN=house (${at('/none')}: it answered with the HTTP status 404; ` +
        `${at('/none.crl')}: it answered with the HTTP status 404)`,
      advice: /, or set REVOCATION_CHECK=off$/,
    },
  ])
})

t.test('somebody does not answer in time', async (t) => {
  server.on('/silent', () => undefined)
  server.on('/also', () => undefined)
  // Each has ten seconds
  certify('house', ocspAt(at('/silent'), at('/also')))
  folder.write(['house'])
  const { exitCode, steps } = await check({}, '--timeout', '10')
  t.equal(exitCode, 1)
  t.match(steps, [{ status: 'failed', found: /unknown: O=Test, CN=house \(nobody has answered yet\)$/ }])
})

t.test('nobody is named', async (t) => {
  certify('house')
  folder.write(['house'])
  const { exitCode, steps } = await check()
  t.equal(exitCode, 0, 'which may be meant')
  const found =
    /unknown: O=Test, CN=house \(it names neither an OCSP responder nor a CRL that could be asked\)$/
  t.match(steps, [{ status: 'ok', found }])

  t.test('and the level needs what they say, of the authority too', async (t) => {
    const tsa = issue(folder.path('ca'), {
      ...{ subject: '/CN=Timestamp authority', issuer: middle, extensions: FOR_TIMESTAMPS },
    })
    const respond = createResponder(folder.directory, { signer: tsa, chain: [middle] })
    const { url } = await startTimestampServer(t, async (query, response) =>
      send(response, await respond(query)),
    )
    const variables = { TSA_URL: url.href, TSA_CA_FILE: folder.root.certificateFile }
    t.match(await check({ ...variables, LEVEL: 'b-t' }), {
      exitCode: 0,
      steps: [
        { found: /unknown: O=Test, CN=house \(it names .*\), CN=Timestamp authority \(it names .*\)$/ },
      ],
    })
    certify('house', crlAt(at('/middle.crl')))
    const { exitCode, steps } = await check({ ...variables, LEVEL: 'b-lt' })
    t.equal(exitCode, 1)
    t.match(steps, [
      {
        status: 'failed',
        found:
          /^good: O=Test, CN=house by a CRL, CN=Middle CA by a CRL; unknown: CN=Timestamp authority \(it names .*\)$/,
        advice: /^Have certificates issued that name an OCSP responder or a CRL, as level b-lt needs/,
      },
    ])
    certify('house', crlAt(at('/none.crl')))
    const unreached = await check({ ...variables, LEVEL: 'b-lt' })
    t.match(unreached.steps, [
      { advice: /^Let this machine reach .*: level b-lt needs what they answer\. Have certificates issued/ },
    ])
    t.notMatch(unreached.steps, [{ advice: /REVOCATION_CHECK/ }], 'which the level refuses')
  })
})

t.test(
  'revoked in a CRL that the authority signed with a new key, whose certificate is in the CA file',
  async (t) => {
    const renewed = issue(folder.path('ca'), { subject: '/CN=Middle CA', ca: true, issuer: folder.root })
    const revoking = new RevocationAuthority(folder.directory, renewed)
    revoking.revoke(certify('house', crlAt(at('/renewed.crl'))), new Date('2026-01-02T03:04:05Z'))
    server.on('/renewed.crl', () => revoking.crl({ extensions: ['authorityKeyIdentifier = keyid'] }))
    folder.write(['house'])
    const own = [middle, folder.root]
    const put = (issued: readonly Issued[]) =>
      folder.put('ca.pem', issued.map(({ certificate }) => String(certificate)).join(''))
    t.teardown(() => put(own))
    t.match((await check()).steps, [
      { status: 'failed', found: /^good: CN=Middle CA .*; unknown: O=Test, CN=house/ },
    ])
    put([...own, renewed])
    t.match((await check()).steps, [
      { status: 'failed', found: /^O=Test, CN=house was revoked at 2026-01-02/ },
    ])
  },
)

t.test('what was answered is too large for containers, or some validators do not take it', async (t) => {
  const tsa = issue(folder.path('ca'), {
    ...{ subject: '/CN=Timestamp authority', issuer: middle, extensions: FOR_TIMESTAMPS },
    extension: crlAt(at('/middle.crl')),
  })
  authority.know(tsa.certificate)
  const respond = createResponder(folder.directory, { signer: tsa, chain: [middle] })
  const { url } = await startTimestampServer(t, async (query, response) =>
    send(response, await respond(query)),
  )
  const variables = { TSA_URL: url.href, TSA_CA_FILE: folder.root.certificateFile, LEVEL: 'b-lt' }
  certify('house', crlAt(at('/middle.crl')))
  folder.write(['house'])
  const found = /^good: O=Test, CN=house by a CRL, CN=Middle CA by a CRL, CN=Timestamp authority by a CRL/
  t.match((await check(variables)).steps, [{ status: 'ok', found }])
  folder.write({ house: folder.entry('house', { containers: ['raw'] }) })
  t.match((await check({ ...variables, CONTAINER_SIZE_LIMIT: '1024' })).steps, [{ status: 'ok', found }])
  folder.write(['house'])
  for (let serial = 0x1000; serial < 0x1040; serial++) {
    authority.revoke({ serialNumber: serial.toString(16) }, new Date('2026-01-02T03:04:05Z'))
  }
  const large = await check({ ...variables, CONTAINER_SIZE_LIMIT: '2048' })
  t.equal(large.exitCode, 0)
  t.match(large.steps, [
    {
      status: 'warning',
      found:
        /; every container that holds .* is refused: chain and data have \d+ bytes, more than the 2048 that/,
      advice: /^Raise CONTAINER_SIZE_LIMIT together with/,
    },
  ])
  // The CRL is about the authority of signer and timestamp authority, of which is told once
  server.on('/root.crl', () => root.crl({ extensions: ['2.5.29.20 = critical, DER:020101'] }))
  t.teardown(() => server.on('/root.crl', () => root.crl()))
  const doubt =
    /The CRL about CN=Middle CA has a critical extension, 2\.5\.29\.20, .*; have the authority correct it$/
  const [doubted] = (await check(variables)).steps
  t.match(doubted, { status: 'warning', found, advice: doubt })
  t.equal(doubted?.advice?.match(/CN=Middle CA/g)?.length, 1)
  t.match((await check({ ...variables, CONTAINER_SIZE_LIMIT: '2048' })).steps, [
    {
      status: 'warning',
      found: /; every container that holds/,
      advice: /^Raise CONTAINER_SIZE_LIMIT .*\. The CRL about CN=Middle CA/,
    },
  ])
})

t.test('a chain that does not reach an issuer', async (t) => {
  certify('house', ocspAt(at('/ocsp')))
  folder.write({ house: { key: { label: 'house' }, certificateFile: 'house.pem' } })
  const { steps } = await check()
  t.match(steps, [
    { status: 'ok', found: 'unknown: O=Test, CN=house (the certificate of its issuer is not known)' },
  ])
})

t.test('a signer that is its own root', async (t) => {
  const { keyFile } = folder.certify('house')
  const own = issue(folder.directory, { subject: '/CN=Own', keyFile })
  folder.put('house.pem', String(own.certificate))
  folder.write({ house: { key: { label: 'house' }, certificateFile: 'house.pem' } })
  const { steps } = await check()
  t.match(steps, [{ status: 'ok', found: 'it is its own root, which nobody can revoke' }])
})

t.test('nobody is asked where the configuration says so', async (t) => {
  certify('house', ocspAt(at('/ocsp')))
  folder.write(['house'])
  const before = server.asked.length
  const { exitCode, steps } = await check({ REVOCATION_CHECK: 'off' })
  t.match([exitCode, steps], [0, [{ status: 'skipped', found: 'REVOCATION_CHECK is off' }]])
  t.equal(server.asked.length, before)
})
