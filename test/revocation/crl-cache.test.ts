import { pino } from 'pino'
import t from 'tap'
import { CachedFetch } from '../../src/revocation/cached-fetch.ts'
import type { CheckedCrl } from '../../src/revocation/crl/crl-check.ts'
import { CrlCache } from '../../src/revocation/crl-cache.ts'
import { DEFAULT_LIMITS } from '../../src/revocation/limits.ts'
import { until } from '../support/signing.ts'

const REVOCATION = { at: new Date('2026-01-02T03:04:05Z'), reason: 'certificate hold' }
const REST = {
  ...{ revokes: () => false, onTried() {}, onUnreachableDelta() {}, responders: () => [] },
  ...{ limits: DEFAULT_LIMITS, log: pino({ level: 'silent' }) },
}

/** A list of that minute, which revokes one serial number or none. */
function list(minute: number, serialNumber?: string, flaw?: string): CheckedCrl {
  const revocations = new Map(serialNumber === undefined ? [] : [[serialNumber, REVOCATION]])
  const times = { thisUpdate: new Date(minute * 60_000), nextUpdate: new Date(Date.now() + 60_000) }
  return { ...times, revocations, ...(flaw && { flaw }) } as unknown as CheckedCrl
}

t.test('a list with a flaw revokes until a later one has come', async (t) => {
  let next: CheckedCrl
  const cache = new CrlCache({
    ...{ ...REST, issuer: 'an issuer', urls: [] },
    fetch: () => Promise.reject(new Error('nobody is asked')),
    createSource: (name) => new CachedFetch({ ...REST, name, ask: async () => next }),
  })
  t.notOk(cache.revokes('0a'))
  for (const source of [cache.source, cache.delta]) {
    const give = async (given: CheckedCrl) => {
      next = given
      source.start(true)
      await until('it has come', () => source.held === given || source.flawed === given)
      source.stop()
    }
    await give(list(0, '0c', 'a flaw'))
    t.ok(cache.revokes('0c'), 'it is all there is')
    await give(list(1))
    await give(list(2, '0a', 'a flaw'))
    t.ok(cache.revokes('0a'))
    t.notOk(cache.revokes('0b'))
    await give(list(3))
    t.notOk(cache.revokes('0a'), 'the hold has ended')
    await give(list(4, '0b'))
    t.ok(cache.revokes('0b'))
    await give(list(5))
  }
})

t.test('a delta CRL that is named no more is not asked for', async (t) => {
  const asked: string[][] = []
  const responders: string[] = []
  let delta = [new URL('http://delta.example.com')]
  const later = new Date(Date.now() + 60_000)
  const cache: CrlCache = new CrlCache({
    ...{
      ...REST,
      issuer: 'an issuer',
      urls: [new URL('http://crl.example.com')],
      responders: () => responders,
    },
    fetch: async (urls, { serialNumbers }) => {
      asked.push(urls.map(({ host }) => host))
      const times = { thisUpdate: new Date(), nextUpdate: later }
      const rest = { number: 1n, baseNumber: 1n, delta: { asked: delta, ignored: [] } }
      return { ...times, ...rest, serialNumbers, revocations: new Map() } as unknown as CheckedCrl
    },
    createSource: (name, ask) => new CachedFetch({ ...REST, name, ask, onTried: () => cache.review() }),
  })
  const issued = { serialNumber: '01', addresses: {} }
  cache.setMembers([{ needsCrl: true, issued }] as unknown as Parameters<CrlCache['setMembers']>[0])
  cache.review()
  await until('both have come', () => cache.source.held !== undefined && cache.delta.held !== undefined)
  delta = []
  cache.source.renew()
  await until('the CRL has come again', () => asked.length === 3)
  responders.push('02')
  cache.review()
  await until(
    'it was looked through for the responder',
    () => cache.source.held?.serialNumbers.has('02') === true,
  )
  cache.source.stop()
  cache.delta.stop()
  t.strictSame(asked, [['crl.example.com'], ['delta.example.com'], ['crl.example.com'], ['crl.example.com']])
})
