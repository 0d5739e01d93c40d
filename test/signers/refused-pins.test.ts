/** A PIN that a token refused is tried again only after its file has changed. */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { VARIABLE_SETTINGS } from '../../src/configuration/read-signer.ts'
import type { PinSource, TokenAccess } from '../../src/configuration/signer-configuration.ts'
import { pinVersion } from '../../src/pkcs11/pin-version.ts'
import type { PoolKey } from '../../src/pkcs11/pool/pool-keys.ts'
import type { PoolStatus } from '../../src/pkcs11/pool/session-pool.ts'
import { RefusedPins } from '../../src/signers/refused-pins.ts'
import { TokenLog, type TokenPool } from '../../src/signers/token-pool.ts'

const KEY: PoolKey = {
  request: { selector: {}, certificateOnToken: false },
  settings: VARIABLE_SETTINGS,
  accept: () => ({}) as never,
}
const REFUSED =
  'HSM_PIN_FILE: the token refused this PIN; it is tried again at SIGHUP, once its file or secret has changed'
const UNJUDGED = 'HSM_PIN_FILE: the token refused the login, whatever the PIN; it is tried again at SIGHUP'

const FIELDS = { token: 'one', signers: ['contracts'], pinFile: '/pin' }

function accessWith(pin: PinSource): TokenAccess {
  return { module: '/lib/a.so', token: { label: 'one' }, pin }
}

function pool(access: TokenAccess, state: PoolStatus['state'] = 'pin refused'): TokenPool {
  return {
    access,
    keys: [KEY],
    log: new TokenLog(pino({ level: 'silent' }), FIELDS),
    pool: { status: () => ({ state }) as PoolStatus } as unknown as TokenPool['pool'],
  }
}

/** Replaces a file as deployments do: there is no moment without it, and its inode is another one. */
function put(file: string, content: string): void {
  writeFileSync(`${file}.new`, content)
  renameSync(`${file}.new`, file)
}

/** Begins a login that is ended at once, and returns whether it was allowed. */
function logIn(
  pins: RefusedPins,
  access: TokenAccess,
  { token = 'one', version = pinVersion(access.pin) } = {},
): Promise<boolean> {
  return pins.allowLogin(access, { token, version }, Promise.resolve())
}

async function refuse(pins: RefusedPins, access: TokenAccess): Promise<void> {
  await logIn(pins, access)
  pins.noteRefusal(access)
}

t.test('a refused PIN is tried again at SIGHUP alone, and only when its file has changed', async (t) => {
  const file = join(t.testdir(), 'pin')
  const access = accessWith({ file })
  const pins = new RefusedPins()
  put(file, 'wrong')
  t.doesNotThrow(() => pins.check([pool(access)], false), 'nothing was refused yet')
  await refuse(pins, access)
  for (const retry of [false, true]) {
    t.throws(() => pins.check([pool(access)], retry), { message: REFUSED })
  }
  t.equal(pins.isCorrected(pool(access)), false)
  const other = { ...access, token: { label: 'two' } }
  t.doesNotThrow(() => pins.check([pool(other)], false), 'another token may take it')

  put(file, 'right')
  t.throws(() => pins.check([pool(access)], false), { message: REFUSED })
  t.doesNotThrow(() => pins.check([pool(access)], true))
  t.equal(pins.isCorrected(pool(access)), true)
  t.equal(pins.isCorrected(pool(access, 'ready')), false, 'a pool that was not refused anything')

  await logIn(pins, access)
  t.doesNotThrow(() => pins.check([pool(access)], false), 'it was told another PIN, and has not refused that')
})

t.test('a file that is written anew with the same wrong PIN costs one try, and no more', async (t) => {
  const file = join(t.testdir(), 'pin')
  const access = accessWith({ file })
  const pins = new RefusedPins()
  put(file, 'wrong')
  await refuse(pins, access)
  put(file, 'wrong')
  t.doesNotThrow(() => pins.check([pool(access)], true))
  await refuse(pins, access)
  t.throws(() => pins.check([pool(access)], true), { message: REFUSED })
})

t.test('a link that leads to another file, as Kubernetes swaps it, is a change', async (t) => {
  const directory = t.testdir({ first: { pin: 'wrong' }, second: { pin: 'right' } })
  const link = (target: string) => {
    symlinkSync(target, join(directory, '..data.new'))
    renameSync(join(directory, '..data.new'), join(directory, '..data'))
  }
  link('first')
  mkdirSync(join(directory, 'mounted'))
  symlinkSync('../..data/pin', join(directory, 'mounted/pin'))
  const access = accessWith({ file: join(directory, 'mounted/pin') })
  const pins = new RefusedPins()
  await refuse(pins, access)
  t.throws(() => pins.check([pool(access)], true), { message: REFUSED })
  link('second')
  t.doesNotThrow(() => pins.check([pool(access)], true))
  link('first')
  t.throws(() => pins.check([pool(access)], true), { message: REFUSED }, 'it is the refused one again')
})

t.test('a file that cannot be reached any more is a change, and ends nothing', async (t) => {
  const file = join(t.testdir(), 'pin')
  const access = accessWith({ file })
  const pins = new RefusedPins()
  put(file, 'wrong')
  await refuse(pins, access)
  rmSync(file)
  symlinkSync('pin', file)
  t.equal(pinVersion({ file }), 'ELOOP')
  t.doesNotThrow(() => pins.warnIfUnchanged(pool(access)))
  t.doesNotThrow(() => pins.check([pool(access)], true))
})

t.test('a PIN that is corrected while the token judges the one before is another one', async (t) => {
  const file = join(t.testdir(), 'pin')
  const access = accessWith({ file })
  const pins = new RefusedPins()
  put(file, 'wrong')
  await logIn(pins, access)
  put(file, 'right')
  pins.noteRefusal(access)
  t.doesNotThrow(() => pins.check([pool(access)], true))
})

t.test(
  'the PIN of a variable, and one whose file is gone, stay refused as long as the process runs',
  async (t) => {
    const pins = new RefusedPins()
    for (const pin of [{ variable: 'HSM_PIN' }, { file: '/none' }]) {
      const access = accessWith(pin)
      pins.noteRefusal(access)
      t.throws(() => pins.check([pool(access)], true), { message: REFUSED })
    }
  },
)

t.test('that a refused PIN is still the one of its file, or of its variable, is told', async (t) => {
  const file = join(t.testdir(), 'pin')
  const told: unknown[] = []
  const logger = pino(
    { level: 'info', base: null, timestamp: false },
    { write: (line) => told.push(JSON.parse(line)) },
  )
  const log = new TokenLog(logger, FIELDS)
  const pins = new RefusedPins()
  const tell = (token: TokenPool) => pins.warnIfUnchanged({ ...token, log })
  put(file, 'wrong')
  const [inFile, inVariable] = [accessWith({ file }), accessWith({ variable: 'HSM_PIN' })]
  await refuse(pins, inFile)
  pins.noteRefusal(inVariable)
  tell(pool(inFile))
  tell(pool(inVariable))
  tell(pool(inFile, 'ready'))
  put(file, 'right')
  tell(pool(inFile))
  const line = { level: 50, ...FIELDS, variable: 'HSM_PIN_FILE' }
  const refused = 'the token refused its PIN, which is not tried again'
  t.strictSame(told, [
    { ...line, msg: `${refused}: correct ${file}, which has not changed since, and send SIGHUP again` },
    { ...line, msg: `${refused}: correct HSM_PIN, and restart` },
  ])
})

t.test('a PIN that a token refused is told to it in no other way, and to other tokens', async (t) => {
  const file = join(t.testdir(), 'pin')
  put(file, 'wrong')
  const pins = new RefusedPins()
  const byLabel = accessWith({ file })
  const bySlot = { ...byLabel, token: { slot: 0 } }
  await refuse(pins, byLabel)
  t.equal(pins.isUnjudged(pool(byLabel)), false)
  t.equal(await logIn(pins, bySlot), false)
  pins.noteRefusal(bySlot)
  t.equal(pins.isUnjudged(pool(bySlot)), true)
  t.equal(pins.isUnjudged(pool(bySlot, 'ready')), false)
  t.equal(await logIn(pins, byLabel), false, 'nor once more in the same way')
  t.equal(await logIn(pins, bySlot, { token: 'two' }), true)
  t.match(pinVersion({ file }), /^\d+(,\d+){4}$/, 'device, inode, size and two times are what it is known by')
  put(file, 'right')
  t.equal(await logIn(pins, bySlot), true)
  t.equal(pins.isUnjudged(pool(bySlot)), false)
})

t.test('one login at a token follows another, and none waits for those at other tokens', async (t) => {
  const pins = new RefusedPins()
  const access = accessWith({ secretId: 'pin' })
  const { promise: answered, resolve: answer } = withResolvers()
  const told = { token: 'one', version: 'first' }
  t.equal(await pins.allowLogin(access, told, answered), true)
  const order: string[] = []
  const waiting = pins
    .allowLogin({ ...access, token: { slot: 0 } }, told, Promise.resolve())
    .then((isAllowed) => {
      order.push('the same token')
      return isAllowed
    })
  t.equal(await pins.allowLogin(access, { ...told, token: 'two' }, Promise.resolve()), true)
  order.push('another one')
  pins.noteRefusal({ ...access, token: { slot: 7 } })
  answer()
  t.equal(await waiting, true, 'as the first one was not refused')
  t.strictSame(order, ['another one', 'the same token'])
})

t.test('a PIN that the token did not judge is told again once for each SIGHUP', async (t) => {
  for (const source of [{ variable: 'HSM_PIN' }, { file: '/none' }, { secretId: 'pin' }]) {
    const pins = new RefusedPins()
    const access = accessWith(source)
    await logIn(pins, access)
    pins.noteRefusal(access, true)
    t.equal(pins.isUnjudged(pool(access)), true)
    t.equal(pins.isCorrected(pool(access)), false)
    for (const _ of [1, 2]) {
      pins.reopen()
      t.equal(pins.isCorrected(pool(access)), true)
      t.throws(() => pins.check([pool(access)], false), { message: UNJUDGED })
      t.doesNotThrow(() => pins.check([pool(access)], true))
      t.equal(await logIn(pins, access), true)
      pins.noteRefusal(access, true)
      t.equal(pins.isCorrected(pool(access)), false, 'another try of the same reload')
      t.throws(() => pins.check([pool(access)], true), { message: UNJUDGED })
    }
    t.equal(await logIn(pins, access), true, 'a login that a token has forgotten is repeated in any case')
    pins.noteRefusal(access)
    pins.reopen()
    if (!('secretId' in source)) {
      t.throws(() => pins.check([pool(access)], true), { message: REFUSED })
    }
    t.equal(await logIn(pins, access), false, 'once it is judged, it is not told')
  }
})

t.test('a hundred refused PINs are remembered', async (t) => {
  const pins = new RefusedPins()
  const access = accessWith({ secretId: 'pin' })
  for (let version = 0; version <= 100; version += 1) {
    t.equal(await logIn(pins, access, { version: `${version}` }), true)
    pins.noteRefusal(access)
  }
  t.equal(await logIn(pins, access, { version: '1' }), false)
  t.equal(await logIn(pins, access, { version: '0' }), true)
})

t.test('whether a secret has changed is left to signer processes, at SIGHUP', async (t) => {
  const pins = new RefusedPins()
  const access = accessWith({ secretId: 'pin' })
  await logIn(pins, access, { version: 'first' })
  pins.noteRefusal(access)
  t.equal(pins.isCorrected(pool(access)), false)
  for (const retry of [false, true]) {
    t.throws(() => pins.check([pool(access)], retry), { message: REFUSED })
  }
  pins.reopen()
  t.throws(() => pins.check([pool(access)], false), { message: REFUSED })
  t.doesNotThrow(() => pins.check([pool(access)], true))
  t.equal(pins.isCorrected(pool(access)), true)
})

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
