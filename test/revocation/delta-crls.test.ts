/** Delta CRLs, which list what has changed since a complete one, such as those of Active Directory Certificate Services. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { encodePem } from '../../src/asn1/pem.ts'
import { crlAt, issueRevocationChain } from '../support/revocation-chain.ts'
import { startRevocationServer } from '../support/revocation-server.ts'
import { watchChain } from '../support/revocation-watch.ts'

const DAY_MS = 86_400_000
const LIMITS = { retryMs: { first: 20, longest: 100 }, refreshMs: { least: 10, most: 20 } }
const directories = t.testdir()

interface Lists {
  /** Addresses of the delta CRL that the CRL names, and the certificate. */
  readonly inCrl?: string
  readonly inCertificate?: string
}

async function setUp(t: Test, named: (url: string) => Lists) {
  const directory = mkdtempSync(join(directories, 'chain-'))
  const server = await startRevocationServer()
  t.teardown(() => server.close())
  const { inCrl, inCertificate } = named(server.url)
  const freshest = (address: string | undefined) => (address ? [`freshestCRL = URI:${address}`] : [])
  const chain = issueRevocationChain(directory, {
    leaf: [crlAt(`${server.url}/base.crl`), ...freshest(inCertificate)].join('\n'),
    authority: crlAt(`${server.url}/root.crl`),
  })
  server.on('/root.crl', () => chain.root.crl())
  const { authority } = chain
  const days = (count: number) => new Date(Date.now() + count * DAY_MS)
  const base = (number: number, age = 2) =>
    authority.crl({
      extensions: [`2.5.29.20 = ASN1:INTEGER:${number}`, ...freshest(inCrl)],
      ...{ thisUpdate: days(-age), nextUpdate: days(5) },
    })
  const delta = (number: number, since: number, age = 0.5) =>
    authority.crl({
      extensions: [`2.5.29.20 = ASN1:INTEGER:${number}`, `2.5.29.27 = critical, ASN1:INTEGER:${since}`],
      ...{ thisUpdate: days(-age), nextUpdate: days(1) },
    })
  const serve = (path: string, crl: Buffer) => server.on(path, () => crl)
  const watch = (limits = LIMITS) => {
    const watched = watchChain(chain.certificates, limits)
    t.teardown(() => watched.service.stop())
    return { ...watched, certificates: chain.certificates }
  }
  return { directory, server, base, delta, serve, watch, ...chain }
}

type Played = Awaited<ReturnType<typeof setUp>>

/** Returns the words of `openssl verify` about the leaf with these CRLs. */
function judge({ directory, root, authority, leaf }: Played, ...crls: Buffer[]): string {
  const file = join(mkdtempSync(join(directory, 'judge-')), 'all.pem')
  const certificates = [root, authority].map(({ issued }) => `${issued.certificate}`)
  writeFileSync(file, [...certificates, ...crls.map((crl) => encodePem('X509 CRL', crl))].join(''))
  const how = ['-crl_check', '-extended_crl', '-use_deltas', '-CAfile', file]
  return spawnSync('openssl', ['verify', ...how, leaf.certificateFile], { encoding: 'utf8' }).stderr
}

/** Waits until each of some addresses was asked twice more. */
async function untilAsked({ server }: Played, ...paths: string[]): Promise<void> {
  const { length } = server.asked
  const count = (path: string) => server.asked.slice(length).filter((asked) => asked === path).length
  while (paths.some((path) => count(path) < 2)) {
    await sleep(5)
  }
}

t.test(
  'a delta CRL tells of a revocation, wherever its address stands, and the next CRL lifts a hold',
  async (t) => {
    for (const lists of [
      (url: string) => ({ inCrl: `${url}/delta.crl` }),
      (url: string) => ({ inCertificate: `${url}/delta.crl` }),
      (url: string) => ({ inCrl: `${url}/none.crl, URI:${url}/delta.crl`, inCertificate: `${url}/none.crl` }),
    ]) {
      const played = await setUp(t, lists)
      const { authority, leaf, serve, server, base, delta, watch } = played
      const before = await base(5)
      serve('/base.crl', before)
      serve('/delta.crl', await delta(6, 5, 1))
      const { until, messages, service } = watch()
      t.equal((await until(({ complete }) => complete)).revoked, undefined)
      const at = new Date('2026-01-02T03:04:05Z')
      authority.revoke(leaf.certificate, at, 'certificateHold')
      const revoking = await delta(7, 5)
      t.match(judge(played, before, revoking), /certificate revoked/)
      serve('/delta.crl', revoking)
      const { revoked, crls, complete } = await until(({ revoked }) => revoked !== undefined)
      t.strictSame(revoked, { subject: 'CN=leaf', at, reason: 'certificate hold' })
      t.ok(complete && crls.some((crl) => crl.equals(before)), 'the complete one is handed out')

      server.on('/delta.crl', (_, response) => void response.writeHead(404).end())
      await untilAsked(played, '/base.crl', '/delta.crl')
      t.match(messages.at(-1), /^No revocation information from the delta CRL of CN=authority: /)
      serve('/delta.crl', await delta(6, 5, 1))
      await untilAsked(played, '/base.crl', '/delta.crl')
      t.match(messages.at(-1), /: it is older than what came before$/)
      t.ok(service.information(played.certificates).revoked, 'nobody takes it back by withholding it')

      authority.know(leaf.certificate)
      serve('/base.crl', await base(8, 0.1))
      await until(({ revoked }) => revoked === undefined)
      service.stop()
    }
  },
)

t.test('a hold that only a delta CRL lists ends with the next one', async (t) => {
  const { authority, leaf, serve, base, delta, watch } = await setUp(t, (url) => ({
    inCrl: `${url}/delta.crl`,
  }))
  serve('/base.crl', await base(5))
  authority.revoke(leaf.certificate, new Date(), 'certificateHold')
  serve('/delta.crl', await delta(6, 5))
  const { until } = watch()
  await until(({ revoked }) => revoked !== undefined)
  authority.know(leaf.certificate)
  serve('/delta.crl', await delta(7, 5, 0.1))
  await until(({ revoked, complete }) => revoked === undefined && complete)
})

t.test('what a delta CRL told counts on while a later one is about a later CRL', async (t) => {
  const played = await setUp(t, (url) => ({ inCrl: `${url}/delta.crl` }))
  const { authority, leaf, certificates, serve, server, base, delta, watch } = played
  serve('/base.crl', await base(5))
  authority.revoke(leaf.certificate, new Date(), 'keyCompromise')
  serve('/delta.crl', await delta(6, 5, 1))
  const { until, service, messages } = watch()
  await until(({ revoked }) => revoked !== undefined)
  authority.forget(leaf.certificate)
  // The first one that is ahead takes over what was told before it, the second one what the first one has
  for (const [number, age] of [
    [8, 0.8],
    [10, 0.7],
  ] as const) {
    serve('/delta.crl', await delta(number, number - 1, age))
    await untilAsked(played, '/base.crl', '/delta.crl')
    t.match(messages.at(-1), /: it lists changes since a later CRL than the one that came$/)
    t.ok(service.information(certificates).revoked, 'the later CRL lists it')
  }
  authority.know(leaf.certificate)
  serve('/base.crl', await base(9, 0.75))
  await until(({ revoked }) => revoked === undefined)
  authority.revoke(leaf.certificate, new Date(), 'keyCompromise')
  serve('/delta.crl', await delta(12, 11, 0.1))
  await until(({ revoked }) => revoked !== undefined)
  authority.know(leaf.certificate)
  server.on('/delta.crl', (_, response) => void response.writeHead(404).end())
  serve('/base.crl', await base(13, 0.05))
  await until(({ revoked }) => revoked === undefined)
})

t.test('a delta CRL about a later CRL has that fetched, once', async (t) => {
  const played = await setUp(t, (url) => ({ inCrl: `${url}/delta.crl` }))
  const { serve, server, base, delta, watch } = played
  serve('/base.crl', await base(5))
  serve('/delta.crl', await delta(8, 7, 1))
  const { until, messages } = watch({ ...LIMITS, refreshMs: { least: DAY_MS, most: DAY_MS } })
  const count = (path: string) => server.asked.filter((asked) => asked === path).length
  await until(() => count('/delta.crl') > 5)
  t.match(messages.at(-1), /: it lists changes since a later CRL than the one that came$/, 'it lists nothing')
  t.equal(count('/base.crl'), 2)
})

t.test('what a delta CRL told counts on where the complete CRL was never had', async (t) => {
  const played = await setUp(t, (url) => ({ inCertificate: `${url}/delta.crl` }))
  const { authority, leaf, certificates, serve, base, delta, watch } = played
  authority.revoke(leaf.certificate, new Date(), 'keyCompromise')
  serve('/delta.crl', await delta(6, 5, 1))
  const { until, service } = watch()
  await until(({ revoked }) => revoked !== undefined)
  authority.know(leaf.certificate)
  serve('/delta.crl', await delta(8, 7, 0.3))
  await untilAsked(played, '/delta.crl')
  t.ok(service.information(certificates).revoked)
  serve('/base.crl', await base(7, 0.4))
  await until(({ revoked }) => revoked === undefined)
})

t.test('nothing is known of a certificate until its delta CRL has come or failed', async (t) => {
  const { serve, server, base, watch } = await setUp(t, (url) => ({ inCrl: `${url}/delta.crl` }))
  serve('/base.crl', await base(5))
  const asked = new Promise<ServerResponse>((resolve) => {
    server.on('/delta.crl', (_, response) => void resolve(response))
  })
  const { until, service, certificates } = watch()
  await until(({ complete }) => complete)
  const response = await asked
  const isPending = () => service.states(certificates).map(({ pending }) => pending)
  t.strictSame(isPending(), [true, false])
  response.writeHead(404).end()
  await until(() => !isPending().includes(true))
})

t.test('a delta CRL that cannot be asked is told once', async (t) => {
  const { serve, base, watch } = await setUp(t, () => ({ inCrl: 'ldap://127.0.0.1/cn=delta' }))
  serve('/base.crl', await base(5, 0.5))
  const { until, messages, outcomes } = watch()
  await until(() => outcomes.filter((outcome) => outcome === 'crl accepted').length > 8)
  t.strictSame(messages, [
    'Nobody asks for the delta CRL of CN=authority: ldap://127.0.0.1/cn=delta is not asked: it is neither http nor https. ' +
      'A revocation is noticed with the next CRL',
    'The CRL about CN=leaf has a delta CRL (freshestCRL), which no container holds: pyHanko does not take it in containers of level ' +
      'b-lt; have the authority correct it',
  ])
})
