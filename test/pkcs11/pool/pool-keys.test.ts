/** What is known of the keys of a token, and how it comes to be known. */
import { generateKeyPairSync } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { ECDSA } from '../../../src/algorithms/ecdsa.ts'
import { VARIABLE_SETTINGS } from '../../../src/configuration/read-signer.ts'
import {
  ConfigurationError,
  HSM_BUSY,
  HSM_UNAVAILABLE,
  SIGNATURE_SELF_CHECK_FAILED,
} from '../../../src/errors.ts'
import type { FoundKey, KeyFailure } from '../../../src/pkcs11/messages.ts'
import { type PoolKey, PoolKeys, type PoolKeysOptions } from '../../../src/pkcs11/pool/pool-keys.ts'
import { createGate } from '../../support/gate.ts'
import { PROTECTED } from '../../support/played-sessions.ts'

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

function poolKey(label: string, problem?: string): PoolKey {
  return {
    request: { selector: { label }, certificateOnToken: false },
    settings: VARIABLE_SETTINGS,
    accept() {
      if (problem !== undefined) {
        throw new ConfigurationError([{ variable: 'SIGNER_CERTIFICATE_FILE', message: problem }])
      }
      return { publicKey, algorithm: ECDSA }
    },
  }
}

function found(label: string, shown: Partial<FoundKey> = {}): FoundKey {
  return { label, labelBytes: Buffer.from(label), id: 'ab', protection: PROTECTED, ...shown }
}

function create(keys: readonly PoolKey[], change: Partial<PoolKeysOptions> = {}): PoolKeys {
  return new PoolKeys({
    ...{ keys, requireNonExtractable: false, intervalMs: 60_000 },
    ...{ search() {}, sign: () => Promise.resolve(), onFailed() {}, ...change },
  })
}

const MISSING: KeyFailure = { about: 'key', message: 'not there: a', reason: 'not there' }

t.test('a key is unknown, then found, then tested; and what is found again stays tested', async (t) => {
  const keys = create([poolKey('a'), poolKey('b')])
  t.match(keys.at(0).state, { state: 'unknown', reason: undefined })
  t.equal(keys.at(0).isGone, false)
  t.equal(keys.at(0).use, undefined)
  t.strictSame(keys.at(0).describe(), { label: 'a', id: undefined }, 'as it is asked for')
  t.strictSame(keys.opened([found('a'), found('b')], 0), [])
  t.match(keys.at(0).state, { state: 'found' })
  t.strictSame(
    [0, 1].map((key) => keys.at(key).isUntested),
    [true, true],
  )
  t.strictSame(keys.at(0).describe(), { label: 'a', id: 'ab' }, 'as it was found')
  keys.at(0).tested()
  const { since } = keys.at(0).state
  t.strictSame(
    [0, 1].map((key) => keys.at(key).isUntested),
    [false, true],
  )
  t.equal(keys.at(0).hasSigned, true)
  t.equal(keys.at(1).hasSigned, false)
  await delay(5)
  keys.opened([found('a'), found('b')], 0)
  t.strictSame(keys.at(0).state, { state: 'tested', since })
})

t.test('a defect is not taken for a problem with the configuration', async (t) => {
  const accept = () => {
    throw new TypeError('a defect')
  }
  const keys = create([{ ...poolKey('a'), accept }])
  t.throws(() => keys.opened([found('a')], 0), { message: 'a defect' })
})

t.test('a key that is not there, or does not fit, is told and keeps no other from being used', async (t) => {
  const keys = create([poolKey('a'), poolKey('b', 'does not fit'), poolKey('c')])
  t.strictSame(keys.opened([MISSING, found('b'), found('c')], 0), [
    { variable: 'HSM_KEY_LABEL', message: 'not there: a' },
    { variable: 'SIGNER_CERTIFICATE_FILE', message: 'does not fit' },
  ])
  t.match(keys.at(0).state, { state: 'unusable', reason: 'not there' })
  t.match(keys.at(1).state, {
    state: 'unusable',
    reason: 'the private key does not fit the signer certificate',
  })
  t.strictSame(
    [0, 1, 2].map((key) => keys.at(key).isGone),
    [true, true, false],
  )
  t.equal(keys.at(1).found, undefined)
  t.strictSame(
    [0, 1, 2].map((key) => keys.at(key).isUntested),
    [false, false, true],
  )
  t.equal(keys.testKey, 2, 'sessions are tested with one that is there')
  keys.opened([found('a'), found('b'), found('c')], 0)
  t.match(keys.at(0).state, { state: 'unusable', reason: 'not there' }, 'until it has signed')
  t.equal(keys.at(0).isGone, false)
  t.ok(keys.at(0).isUntested)
  keys.at(0).tested()
  t.match(keys.at(0).state, { state: 'tested', reason: undefined })
})

t.test('where sessions sign with none of the keys, they try another one each time', async (t) => {
  const keys = create([poolKey('a'), poolKey('b'), poolKey('c')])
  const chosen = [0, 1, 2, 3].map((attempt) => {
    keys.opened([found('a'), MISSING, found('c')], attempt)
    return keys.testKey
  })
  t.strictSame(chosen, [0, 2, 0, 2])
  keys.opened([MISSING, MISSING, MISSING], 5)
  t.equal(keys.testKey, 0)
})

t.test(
  'wrong signatures are a matter of the certificate where the token hides the public half',
  async (t) => {
    const keys = create([poolKey('a'), poolKey('b')])
    keys.opened([found('a', { publicKey: Buffer.alloc(1) }), found('b')], 0)
    t.equal(keys.at(0).findProblem({ kind: 'mismatch' }), undefined)
    t.match(keys.at(1).findProblem({ kind: 'mismatch' }), {
      variable: 'SIGNER_CERTIFICATE_FILE',
      message: /do not verify with it/,
    })
    t.equal(keys.at(1).findProblem({ kind: 'unsigned' }), undefined, 'no signature tells nothing of either')
  },
)

/** Keys that are there. Sessions are tested with the first; how the test signatures of the others end, the test says. */
function testKeys(count = 3) {
  const labels = Array.from({ length: count }, (_, place) => `key ${place}`)
  const asked: number[] = []
  const searched: number[][] = []
  const failed: string[] = []
  let outcome = (): Promise<void> => Promise.resolve()
  const keys = create(
    labels.map((label) => poolKey(label)),
    {
      search: (places) => searched.push([...places]),
      sign: (key) => {
        asked.push(key)
        return outcome()
      },
      onFailed: (key, { kind }) => failed.push(`${key}: ${kind}`),
    },
  )
  keys.opened(
    labels.map((label) => found(label)),
    0,
  )
  keys.at(0).tested()
  return {
    keys,
    failed,
    searched,
    asked: () => asked.splice(0),
    /** Lets some time pass. */
    async pass(ms = 0) {
      keys.tick(performance.now() + ms)
      await delay(1)
    },
    endWith(error?: Error) {
      outcome = () => (error === undefined ? Promise.resolve() : Promise.reject(error))
    },
    /** None ends before this is called. */
    hold() {
      const { opened, open } = createGate()
      outcome = () => opened
      return open
    },
  }
}

t.test('each key that sessions are not tested with makes a test signature', async (t) => {
  const { keys, asked, failed, pass } = testKeys()
  keys.testAll()
  await pass()
  t.strictSame(asked(), [1, 2])
  t.match(keys.at(1).state, { state: 'tested' })
  keys.testAll()
  await pass()
  t.strictSame(asked(), [])
  t.strictSame(failed, [])
})

t.test('of many keys a few are tried at once, and all in the end', async (t) => {
  const { keys, asked, pass, hold } = testKeys(20)
  const release = hold()
  keys.testAll()
  await pass()
  await pass()
  t.equal(asked().length, 4)
  release()
  await delay(5)
  t.notOk(Array.from({ length: 20 }, (_, key) => keys.at(key).isUntested).includes(true))
})

t.test('a key that does not sign is tried again after a while', async (t) => {
  const { keys, asked, failed, pass, endWith } = testKeys()
  endWith(new SIGNATURE_SELF_CHECK_FAILED())
  keys.testAll()
  await pass()
  t.match(keys.at(1).state, { state: 'unusable', reason: 'test signatures do not verify' })
  t.strictSame(failed, ['1: mismatch', '2: mismatch'])
  asked()
  await pass(59_000)
  t.strictSame(asked(), [])
  endWith(new HSM_UNAVAILABLE())
  await pass(61_000)
  t.strictSame(asked(), [1, 2])
  t.match(keys.at(2).state, { state: 'unusable', reason: 'the key does not sign' })
  endWith()
  await pass(61_000)
  t.match(keys.at(2).state, { state: 'tested', reason: undefined })
})

t.test(
  'a key that is missing on an open token is looked for after a while, and tried when it is there',
  async (t) => {
    const { keys, asked, searched, pass } = testKeys()
    const [first, third] = [found('key 0'), found('key 2')]
    keys.opened([first, MISSING, third], 0)
    keys.testAll()
    await pass()
    t.strictSame([asked(), searched], [[2], []])
    await pass(61_000)
    t.strictSame([asked(), searched], [[], [[1]]])
    keys.searched([first, MISSING, third])
    t.match([keys.at(1).isGone, keys.at(1).state.reason], [true, 'not there'])
    keys.searched([first, found('key 1'), third])
    t.equal(keys.at(1).isGone, false)
    await pass()
    t.strictSame(asked(), [1])
    t.match(keys.at(1).state, { state: 'tested', reason: undefined })
    await pass(61_000)
    t.equal(searched.length, 1, 'none is missing any more')
  },
)

t.test('a key with which a request failed is tried, once at a time', async (t) => {
  const { keys, asked, pass, hold } = testKeys()
  const release = hold()
  keys.retest(keys.testKey)
  keys.retest(1)
  keys.retest(1)
  await pass()
  keys.retest(1)
  await pass()
  t.strictSame(asked(), [1], 'and sessions try the one that they are tested with')
  release()
  await delay(1)
  keys.retest(1)
  await pass()
  t.strictSame(asked(), [1])
})

t.test(
  'that there was no time for a test signature says nothing of a key, which is tried again',
  async (t) => {
    const { keys, asked, failed, pass, endWith } = testKeys()
    endWith(new HSM_BUSY())
    keys.at(1).tested()
    keys.retest(1)
    keys.retest(2)
    await pass()
    t.match(keys.at(1).state, { state: 'tested' })
    t.match(keys.at(2).state, { state: 'found' })
    t.strictSame(failed, [])
    asked()
    endWith()
    await pass()
    t.strictSame(asked(), [1, 2])
    t.match(keys.at(2).state, { state: 'tested' })
  },
)
