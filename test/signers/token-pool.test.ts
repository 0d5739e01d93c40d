/** Which pools can be used again, and what they are called. */
import { pino } from 'pino'
import t from 'tap'
import { VARIABLE_SETTINGS } from '../../src/configuration/read-signer.ts'
import type { TokenAccess, TokenSelector } from '../../src/configuration/signer-configuration.ts'
import type { KeyRequest } from '../../src/pkcs11/messages.ts'
import type { PoolKey } from '../../src/pkcs11/pool/pool-keys.ts'
import type { PoolStatus } from '../../src/pkcs11/pool/session-pool.ts'
import {
  accessId,
  fitsPlan,
  indexOfKey,
  keyId,
  nameTokens,
  TokenLog,
  type TokenPool,
} from '../../src/signers/token-pool.ts'

const ACCESS: TokenAccess = { module: '/lib/a.so', token: { label: 'one' }, pin: { file: '/pin' } }
const REQUEST: KeyRequest = {
  selector: { label: 'a', id: '01' },
  certificateOnToken: false,
  publicKey: Buffer.from('key'),
  algorithm: 'ecdsa',
}

function poolKey(change: Partial<KeyRequest> = {}): PoolKey {
  return { request: { ...REQUEST, ...change }, settings: VARIABLE_SETTINGS, accept: () => ({}) as never }
}

/** @param unusable places of keys */
function pool(
  access: TokenAccess,
  keys: readonly [PoolKey, ...PoolKey[]] = [poolKey()],
  { state = 'ready', unusable = [] as number[] } = {},
): TokenPool {
  return {
    access,
    keys,
    log: new TokenLog(pino({ level: 'silent' }), { token: 'one', signers: ['contracts'], pinFile: '/pin' }),
    pool: {
      status: () => ({ state }) as PoolStatus,
      isUnusable: (place: number) => unusable.includes(place),
    } as unknown as TokenPool['pool'],
  }
}

t.test(
  'a token is the same where it is reached in the same way, in whatever order that is written',
  async (t) => {
    const same = { pin: { file: '/pin' }, token: { label: 'one' }, module: '/lib/a.so' }
    t.equal(accessId(ACCESS), accessId(same))
    const both = { label: 'one', slot: 1 }
    t.equal(
      accessId({ ...ACCESS, token: both }),
      accessId({ ...ACCESS, token: Object.fromEntries(Object.entries(both).reverse()) }),
    )
    for (const change of [
      { module: '/lib/b.so' },
      { moduleParameters: 'x' },
      { token: {} },
      { token: { serial: 'one' } },
      { pin: { file: '/other' } },
      { pin: { variable: '/pin' } },
    ]) {
      t.not(accessId({ ...ACCESS, ...change }), accessId(ACCESS), JSON.stringify(change))
    }
  },
)

t.test('a key is the same where it is found and used in the same way', async (t) => {
  t.equal(keyId(poolKey({ selector: { id: '01', label: 'a' } })), keyId(poolKey()))
  const { publicKey: _, algorithm: __, ...unknown } = REQUEST
  for (const change of [
    { selector: { label: 'a' } },
    { publicKey: Buffer.from('other') },
    { certificateOnToken: true },
    { algorithm: 'rsassa-pss' as const },
  ]) {
    t.not(keyId(poolKey(change)), keyId(poolKey()), JSON.stringify(change))
  }
  t.not(keyId({ ...poolKey(), request: unknown }), keyId(poolKey()))
  const ofOther = (change: Partial<KeyRequest>) => ({
    ...poolKey(change),
    settings: { ...VARIABLE_SETTINGS, certificate: 'SIGNERS_FILE /signers/b/certificateFile' },
  })
  t.equal(keyId(ofOther({})), keyId(poolKey()), 'of another signer')
  const onToken = { certificateOnToken: true }
  t.not(keyId(ofOther(onToken)), keyId(poolKey(onToken)), 'whose settings decide which certificate it has')
  const other = poolKey({ selector: {} })
  t.equal(indexOfKey(poolKey(), [other, poolKey()]), 1)
  t.equal(indexOfKey(other, [poolKey()]), -1)
})

t.test('a pool is used again where it has the keys and they sign', async (t) => {
  const second = poolKey({ selector: { label: 'b' } })
  const plan = { access: ACCESS, keys: [poolKey()] } as const
  t.equal(fitsPlan(pool(ACCESS), plan), true)
  t.equal(fitsPlan(pool(ACCESS, [second, poolKey()]), plan), true, 'it may have more')
  t.equal(fitsPlan(pool(ACCESS), { ...plan, keys: [poolKey(), second] }), false)
  t.equal(fitsPlan(pool({ ...ACCESS, module: '/lib/b.so' }), plan), false)
  t.equal(fitsPlan(pool(ACCESS, [poolKey()], { unusable: [0] }), plan), false)
  t.equal(
    fitsPlan(pool(ACCESS, [poolKey(), second], { unusable: [1] }), plan),
    true,
    'another one does not matter',
  )
  const onToken = poolKey({ certificateOnToken: true })
  t.equal(
    fitsPlan(pool(ACCESS, [onToken]), { ...plan, keys: [onToken] }),
    false,
    'there may be another certificate',
  )
  t.equal(fitsPlan(pool(ACCESS, [poolKey()], { state: 'unavailable' }), plan), true, 'it will be back')
  t.equal(fitsPlan(pool(ACCESS, [poolKey()], { state: 'misconfigured' }), plan), false)
  t.equal(
    fitsPlan(pool(ACCESS, [poolKey()], { state: 'pin refused' }), plan),
    true,
    'until there is another PIN',
  )
})

t.test('tokens are called what selects them, and never alike', async (t) => {
  const named = (...tokens: TokenSelector[]) => [
    ...nameTokens(tokens.map((token) => pool({ ...ACCESS, token }))).keys(),
  ]
  t.strictSame(named({ label: 'one', serial: 'x' }, { serial: 'x' }, { slot: 0 }, { slotId: '99' }, {}), [
    'one',
    'x',
    'slot 0',
    '99',
    'default',
  ])
  t.strictSame(named({ label: 'a' }, { label: 'b' }, { label: 'a' }, { label: 'a' }), [
    'a',
    'b',
    'a (2)',
    'a (3)',
  ])
})
