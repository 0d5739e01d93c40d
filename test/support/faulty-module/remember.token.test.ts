/** A device that is simulated: its calls last as long as they are told to, and its signatures are made once. */
import { execFileSync } from 'node:child_process'
import { createPublicKey, publicDecrypt, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pkcs11js from 'pkcs11js'
import t from 'tap'
import { repositoryPath } from '../repository.ts'
import { createSigningToken, PIN } from '../token.ts'
import { createFaultyModule } from './faulty-module.ts'

const directory = t.testdir()
const { environment, publicKey } = await createSigningToken(directory)
const key = createPublicKey(readFileSync(publicKey))
// OpenSC's module writes down what reaches the token; it is where p11-kit's is
const client = execFileSync(repositoryPath('docker/p11-kit-client-path.sh'), { encoding: 'utf8' }).trim()
const log = join(directory, 'spy.log')
Object.assign(process.env, { PKCS11SPY: environment.HSM_MODULE, PKCS11SPY_OUTPUT: log })
const faulty = await createFaultyModule(
  directory,
  { ...environment, HSM_MODULE: join(dirname(client), 'pkcs11-spy.so') },
  'C_SignInit remember',
  'C_Sign remember',
)

const pkcs11 = new pkcs11js.PKCS11()
pkcs11.load(faulty.environment.HSM_MODULE ?? '')
pkcs11.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK })
t.teardown(() => pkcs11.C_Finalize())
const [slot] = pkcs11.C_GetSlotList(true) as [Buffer]
const mechanism = { mechanism: pkcs11js.CKM_RSA_PKCS }

const openSession = () => pkcs11.C_OpenSession(slot, pkcs11js.CKF_RW_SESSION | pkcs11js.CKF_SERIAL_SESSION)

function logIn(session: Buffer): Buffer {
  pkcs11.C_Login(session, pkcs11js.CKU_USER, PIN)
  pkcs11.C_FindObjectsInit(session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY }])
  const [found] = pkcs11.C_FindObjects(session, 1)
  pkcs11.C_FindObjectsFinal(session)
  return found as Buffer
}

/** Signs; OpenSSL says what was signed. */
function sign(session: Buffer, privateKey: Buffer, data: Buffer): Buffer {
  pkcs11.C_SignInit(session, mechanism, privateKey)
  const signature = pkcs11.C_Sign(session, data, Buffer.alloc(512))
  if (!publicDecrypt(key, signature).equals(data)) {
    throw new Error('the signature is over something else')
  }
  return signature
}

/** How often the token itself was called. */
const reached = (name: string) => readFileSync(log, 'utf8').match(new RegExp(`: ${name}$`, 'gm'))?.length ?? 0

const first = openSession()
const second = openSession()
const privateKey = logIn(first)
const data = randomBytes(51)

t.test('the same is signed once, by whichever session', async (t) => {
  const signature = sign(first, privateKey, data)
  t.ok(sign(first, privateKey, data).equals(signature))
  t.ok(sign(second, privateKey, data).equals(signature))
  t.equal(reached('C_Sign'), 1)
  t.equal(reached('C_SignInit'), 1)
  sign(second, privateKey, randomBytes(51))
  t.equal(reached('C_Sign'), 2, 'other data is signed for itself')
})

t.test('an operation is begun and ended as without', async (t) => {
  const unbegun = () => pkcs11.C_Sign(first, data, Buffer.alloc(512))
  t.throws(unbegun, { message: 'CKR_OPERATION_NOT_INITIALIZED' })
  pkcs11.C_SignInit(first, mechanism, privateKey)
  t.throws(() => pkcs11.C_SignInit(first, mechanism, privateKey), { message: 'CKR_OPERATION_ACTIVE' })
  t.throws(() => pkcs11.C_Sign(first, data, Buffer.alloc(16)), { message: 'CKR_BUFFER_TOO_SMALL' })
  t.ok(publicDecrypt(key, pkcs11.C_Sign(first, data, Buffer.alloc(512))).equals(data), 'it was not ended')
  t.throws(unbegun, { message: 'CKR_OPERATION_NOT_INITIALIZED' })
})

t.test('with a session its operation goes', async (t) => {
  const closed = openSession()
  pkcs11.C_SignInit(closed, mechanism, privateKey)
  pkcs11.C_CloseSession(closed)
  const before = reached('C_SignInit')
  t.throws(() => pkcs11.C_Sign(closed, data, Buffer.alloc(512)), { message: 'CKR_SESSION_HANDLE_INVALID' })
  t.throws(() => pkcs11.C_SignInit(closed, mechanism, privateKey), { message: 'CKR_SESSION_HANDLE_INVALID' })
  t.equal(reached('C_SignInit'), before + 1, 'the token says so')
})

t.test('what was signed before a login is signed anew', async (t) => {
  const before = reached('C_Sign')
  pkcs11.C_Logout(first)
  t.throws(() => pkcs11.C_SignInit(first, mechanism, privateKey), 'without a login')
  const found = logIn(first)
  t.throws(() => sign(first, privateKey, data), /HANDLE_INVALID/, 'the handle of before is none any more')
  sign(first, found, data)
  sign(first, found, data)
  t.equal(reached('C_Sign'), before + 1)
})

t.test('a call takes as long as it is told to, and goes through', async (t) => {
  pkcs11.C_Logout(first)
  const found = logIn(first)
  faulty.plan('C_SignInit take 20', 'C_SignInit take 60', 'C_Sign take 40')
  const [begin, before] = [performance.now(), reached('C_Sign')]
  sign(first, found, data)
  t.ok(performance.now() - begin >= 100, 'the longest of several, and both functions')
  t.equal(reached('C_Sign'), before + 1)
})

t.test('a key that is destroyed signs no more', async (t) => {
  pkcs11.C_Logout(first)
  const found = logIn(first)
  faulty.plan('C_SignInit remember', 'C_Sign remember')
  sign(first, found, data)
  sign(first, found, data)
  pkcs11.C_DestroyObject(first, found)
  t.throws(() => sign(first, found, data), /HANDLE_INVALID/)
})
