import t from 'tap'
import type { CachedFetch } from '../../src/revocation/cached-fetch.ts'
import type { CheckedCrl } from '../../src/revocation/crl/crl-check.ts'
import { CrlCache } from '../../src/revocation/crl-cache.ts'

const REVOCATION = { at: new Date('2026-01-02T03:04:05Z'), reason: 'certificate hold' }

/** A list of that minute, which revokes one serial number or none. */
function list(minute: number, serialNumber?: string): CheckedCrl {
  const revocations = new Map(serialNumber === undefined ? [] : [[serialNumber, REVOCATION]])
  return { thisUpdate: new Date(minute * 60_000), revocations } as unknown as CheckedCrl
}

t.test('a list with a flaw revokes until a later one has come', async (t) => {
  const known: Record<string, { held?: CheckedCrl; flawed?: CheckedCrl }> = { CRL: {}, 'delta CRL': {} }
  const cache = new CrlCache({
    ...{ issuer: 'an issuer', urls: [], responders: () => [] },
    fetch: () => Promise.reject(new Error('nobody is asked')),
    createSource: (kind) => known[kind] as CachedFetch<CheckedCrl>,
    onUnreachableDelta() {},
  })
  t.notOk(cache.revokes('0a'))
  for (const kind of ['CRL', 'delta CRL']) {
    const source = known[kind] as (typeof known)[string]
    source.held = list(1)
    source.flawed = list(2, '0a')
    t.ok(cache.revokes('0a'), kind)
    t.notOk(cache.revokes('0b'))
    source.held = list(3)
    t.notOk(cache.revokes('0a'), 'the hold has ended')
    source.held = list(3, '0b')
    t.ok(cache.revokes('0b'))
    Object.assign(source, { held: undefined, flawed: list(4, '0c') })
    t.ok(cache.revokes('0c'), 'it is all there is')
  }
})
