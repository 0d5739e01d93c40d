/** Keys and certificates that the token does not let anybody delete: `delete-key` and `delete-cert` say why. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import pkcs11js, { type Handle, type Template } from 'pkcs11js'
import t from 'tap'
import { issue } from '../../support/certificates.ts'
import { runCommand } from '../../support/command.ts'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import { createToken, PIN } from '../../support/token.ts'

const directory = t.testdir()
const { environment } = await createToken(join(directory, 'token'))
const faulty = await createFaultyModule(directory, environment)

/** Puts a key pair and a certificate of this label onto the token. Returns the commands that delete them. */
function create(label: string, destroyable: boolean): string[][] {
  const { certificate } = issue(directory, { subject: `/CN=${label}`, key: ['-algorithm', 'RSA'] })
  const lib = new pkcs11js.PKCS11()
  lib.load(`${environment.HSM_MODULE}`)
  lib.C_Initialize()
  const isOurs = (slot: Handle) => lib.C_GetTokenInfo(slot).label.trim() === 'test'
  const slot = lib.C_GetSlotList(true).find(isOurs) as Handle
  const session = lib.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION)
  lib.C_Login(session, pkcs11js.CKU_USER, PIN)
  const common: Template = [
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_LABEL, value: label },
    { type: pkcs11js.CKA_DESTROYABLE, value: destroyable },
  ]
  lib.C_GenerateKeyPair(
    session,
    { mechanism: pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN },
    [...common, { type: pkcs11js.CKA_MODULUS_BITS, value: 2048 }],
    [...common, { type: pkcs11js.CKA_SIGN, value: true }],
  )
  lib.C_CreateObject(session, [
    ...common,
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_CERTIFICATE },
    { type: pkcs11js.CKA_CERTIFICATE_TYPE, value: pkcs11js.CKC_X_509 },
    { type: pkcs11js.CKA_SUBJECT, value: Buffer.from('3000', 'hex') },
    { type: pkcs11js.CKA_VALUE, value: certificate.raw },
  ])
  lib.C_Finalize()
  const fingerprint = createHash('sha256').update(certificate.raw).digest('hex')
  return [
    ['delete-key', '--label', label, '--confirm', label],
    ['delete-cert', '--fingerprint', fingerprint, '--confirm', label],
  ]
}

/** Returns how many keys and certificates are on the token. */
async function count(): Promise<number[]> {
  const lists = [
    await runCommand(environment, 'keys', '--json'),
    await runCommand(environment, 'certs', '--json'),
  ]
  return lists.map(({ stdout }) => JSON.parse(stdout).length)
}

t.test('an object that is not destroyable', async (t) => {
  for (const command of create('kept', false)) {
    t.match(await runCommand(environment, ...command), {
      exitCode: 1,
      stdout: '',
      stderr:
        /\nthe token does not delete .*: C_DestroyObject CKR_ACTION_PROHIBITED\. Its CKA_DESTROYABLE is false/,
    })
  }
  t.same(await count(), [1, 1], 'they are still there')
})

t.test('an object that a policy of the token keeps, and a token that fails', async (t) => {
  const commands = create('forbidden', true)
  const remove = (command: string[]) => runCommand(faulty.environment, ...command)
  faulty.plan('C_DestroyObject return 0x1B')
  for (const command of commands) {
    t.match(await remove(command), {
      exitCode: 1,
      stderr: /: C_DestroyObject CKR_ACTION_PROHIBITED\. A policy of the token forbids it/,
    })
  }
  // 0x172 is CKA_DESTROYABLE
  faulty.plan('C_DestroyObject return CKR_DEVICE_ERROR', 'C_GetAttributeValue refuse 0x172 CKR_DEVICE_ERROR')
  for (const command of commands) {
    t.match(await remove(command), { exitCode: 1, stderr: /: C_DestroyObject CKR_DEVICE_ERROR\n$/ })
  }
  t.same(await count(), [2, 2])
  faulty.plan()
  for (const command of commands) {
    t.equal((await remove(command)).exitCode, 0)
  }
  t.same(await count(), [1, 1])
})
