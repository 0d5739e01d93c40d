/** One session of the bare token: a worker thread that signs the same data again and again, as fast as it can. */
import { readFileSync } from 'node:fs'
import { type MessagePort, parentPort } from 'node:worker_threads'
import pkcs11js from 'pkcs11js'

/** Each signature must be `expected`, where that is given. */
export interface BareOrder {
  readonly data: Uint8Array
  readonly expected: Uint8Array | undefined
  readonly ms: number
}

export interface BareAnswer {
  readonly right: number
  readonly wrong: number
  /** The first one. */
  readonly signature: Uint8Array
}

const MAX_SIGNATURE_LENGTH = 1024
const { HSM_MODULE = '', HSM_PIN_FILE = '' } = process.env
const mechanism = { mechanism: pkcs11js.CKM_RSA_PKCS }
const port = parentPort as MessagePort

const pkcs11 = new pkcs11js.PKCS11()
pkcs11.load(HSM_MODULE)
unless(pkcs11js.CKR_CRYPTOKI_ALREADY_INITIALIZED, () =>
  pkcs11.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK }),
)
const [slot] = pkcs11.C_GetSlotList(true)
const session = pkcs11.C_OpenSession(slot as Buffer, pkcs11js.CKF_RW_SESSION | pkcs11js.CKF_SERIAL_SESSION)
unless(pkcs11js.CKR_USER_ALREADY_LOGGED_IN, () =>
  pkcs11.C_Login(session, pkcs11js.CKU_USER, readFileSync(HSM_PIN_FILE, 'utf8').trim()),
)
pkcs11.C_FindObjectsInit(session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY }])
const [key] = pkcs11.C_FindObjects(session, 1)
pkcs11.C_FindObjectsFinal(session)

port.on('message', (order: BareOrder) => port.postMessage(signFor(order)))
port.postMessage('ready')

function signFor({ data, expected, ms }: BareOrder): BareAnswer {
  const output = Buffer.alloc(MAX_SIGNATURE_LENGTH)
  const input = Buffer.from(data)
  const end = performance.now() + ms
  let [right, wrong] = [0, 0]
  let signature: Buffer
  do {
    pkcs11.C_SignInit(session, mechanism, key as Buffer)
    signature = pkcs11.C_Sign(session, input, output)
    if (expected === undefined || signature.equals(expected)) right += 1
    else wrong += 1
  } while (performance.now() < end)
  return { right, wrong, signature: Uint8Array.from(signature) }
}

/** What another thread has done before is done. */
function unless(code: number, act: () => void): void {
  try {
    act()
  } catch (error) {
    if ((error as pkcs11js.Pkcs11Error).code !== code) {
      throw error
    }
  }
}
