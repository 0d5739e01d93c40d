/**
 * A signing service as examples of PKCS#11 have it, to compare with: at each request the library is loaded and
 * initialized, the user logged in and the key searched for, all of it synchronously, and everything is closed again. It
 * signs raw, with SHA-256 and the first private key that it finds, and verifies nothing.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import pkcs11js from 'pkcs11js'

/** All of a DigestInfo for SHA-256 that comes before the digest (RFC 8017 9.2). */
const SHA256_PREFIX = Buffer.from('3031300d060960864801650304020105000420', 'hex')
const MAX_SIGNATURE_LENGTH = 1024

const { HSM_MODULE = '', HSM_PIN_FILE = '', SIGNING_SERVICE_PORT = '' } = process.env
const pin = readFileSync(HSM_PIN_FILE, 'utf8').trim()

function sign(data: Uint8Array): Buffer {
  const pkcs11 = new pkcs11js.PKCS11()
  pkcs11.load(HSM_MODULE)
  pkcs11.C_Initialize()
  try {
    const [slot] = pkcs11.C_GetSlotList(true)
    const session = pkcs11.C_OpenSession(
      slot as Buffer,
      pkcs11js.CKF_RW_SESSION | pkcs11js.CKF_SERIAL_SESSION,
    )
    pkcs11.C_Login(session, pkcs11js.CKU_USER, pin)
    pkcs11.C_FindObjectsInit(session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY }])
    const [key] = pkcs11.C_FindObjects(session, 1)
    pkcs11.C_FindObjectsFinal(session)
    pkcs11.C_SignInit(session, { mechanism: pkcs11js.CKM_RSA_PKCS }, key as Buffer)
    const input = Buffer.concat([SHA256_PREFIX, createHash('sha256').update(data).digest()])
    const signature = pkcs11.C_Sign(session, input, Buffer.alloc(MAX_SIGNATURE_LENGTH))
    pkcs11.C_Logout(session)
    pkcs11.C_CloseSession(session)
    return signature
  } finally {
    pkcs11.C_Finalize()
    pkcs11.close()
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST') {
    response.end()
    return
  }
  const chunks: Buffer[] = []
  for await (const chunk of request) {
    chunks.push(chunk)
  }
  try {
    const { data_to_be_signed } = JSON.parse(Buffer.concat(chunks).toString())
    response.end(sign(Buffer.from(data_to_be_signed, 'base64')))
  } catch (error) {
    response.writeHead(500).end(`${error}`)
  }
}

createServer(answer).listen(Number(SIGNING_SERVICE_PORT), '127.0.0.1')
