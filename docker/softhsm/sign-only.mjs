// Leaves a key pair on a token nothing but signing and verifying. pkcs11-tool can only grant usages, and SoftHSM grants
// decryption and unwrapping to every key whose template is silent about them.
//
//   TOKEN_PIN=... node sign-only.mjs MODULE TOKEN_LABEL KEY_ID_HEX
import pkcs11js from 'pkcs11js'

const [module, tokenLabel, keyId] = process.argv.slice(2)
const withdrawn = new Map([
  [
    pkcs11js.CKO_PRIVATE_KEY,
    [pkcs11js.CKA_DECRYPT, pkcs11js.CKA_UNWRAP, pkcs11js.CKA_SIGN_RECOVER, pkcs11js.CKA_DERIVE],
  ],
  [
    pkcs11js.CKO_PUBLIC_KEY,
    [pkcs11js.CKA_ENCRYPT, pkcs11js.CKA_WRAP, pkcs11js.CKA_VERIFY_RECOVER, pkcs11js.CKA_DERIVE],
  ],
])

const pkcs11 = new pkcs11js.PKCS11()
pkcs11.load(module)
pkcs11.C_Initialize()
try {
  const slot = pkcs11
    .C_GetSlotList(true)
    .find((candidate) => pkcs11.C_GetTokenInfo(candidate).label.trimEnd() === tokenLabel)
  if (!slot) throw new Error(`no token is labelled '${tokenLabel}'`)
  const session = pkcs11.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION)
  pkcs11.C_Login(session, pkcs11js.CKU_USER, process.env.TOKEN_PIN)
  for (const [objectClass, usages] of withdrawn) {
    pkcs11.C_FindObjectsInit(session, [
      { type: pkcs11js.CKA_CLASS, value: objectClass },
      { type: pkcs11js.CKA_ID, value: Buffer.from(keyId, 'hex') },
    ])
    const [key] = pkcs11.C_FindObjects(session, 1)
    pkcs11.C_FindObjectsFinal(session)
    const template = usages.map((type) => ({ type, value: false }))
    if (key) pkcs11.C_SetAttributeValue(session, key, template)
  }
} catch (error) {
  console.error(`sign-only.mjs: ${error.message}`)
  process.exitCode = 1
} finally {
  pkcs11.C_Finalize()
}
