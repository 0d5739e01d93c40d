/** Several signers in one directory: their keys on SoftHSM tokens, certificates of one CA, and the file that names them. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { SignerEntry, SignersFile } from '../../schemas/signers-file.ts'
import { generateKeyFile, type Issued, type IssueOptions, issue, P_256, RSA_2048 } from './certificates.ts'
import { createToken, importKey, PIN, type Token } from './token.ts'

export const KEY_TYPES = {
  rsa: RSA_2048,
  'rsa-3072': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'],
  'rsa-4096': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:4096'],
  'p-256': P_256,
  'p-384': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  'p-521': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'],
} as const

/** pkcs11-tool can grant usages, but not withdraw them. */
const FORBID = `
  import pkcs11js from ${JSON.stringify(import.meta.resolve('pkcs11js'))}
  const [path, label, id] = process.argv.slice(1)
  const module = new pkcs11js.PKCS11()
  module.load(path)
  module.C_Initialize()
  const slot = module.C_GetSlotList(true).find((one) => module.C_GetTokenInfo(one).label.trimEnd() === label)
  const session = module.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION)
  module.C_Login(session, pkcs11js.CKU_USER, process.env.TOKEN_PIN)
  module.C_FindObjectsInit(session, [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
    { type: pkcs11js.CKA_ID, value: Buffer.from(id, 'hex') },
  ])
  const [key] = module.C_FindObjects(session, 1)
  module.C_FindObjectsFinal(session)
  module.C_SetAttributeValue(session, key, [{ type: pkcs11js.CKA_SIGN, value: false }])
  module.C_Finalize()
`

export interface SignersFolder {
  readonly directory: string
  readonly token: Token
  readonly root: Issued
  readonly issuing: Issued
  /** What the service needs, but for the file of its signers, whose names `write` puts there. */
  readonly environment: Record<string, string>
  /**
   * Makes a key, which is in a file too, on the token with a signer's name as its label, and has it certified.
   *
   * @param name of the signer, or one for the key alone
   */
  addKey(name: string, type?: keyof typeof KEY_TYPES, token?: Token): Promise<Issued>
  /** Puts the key on the token. */
  importKey(name: string, token?: Token): Promise<void>
  /** Deletes both halves of the key from the token. */
  deleteKey(name: string, token?: Token): Promise<void>
  /** Takes from the key that it may sign (CKA_SIGN). */
  forbidSigning(name: string, token?: Token): Promise<void>
  /** Issues a certificate for a signer and puts it into the file of one, by default of the same name. */
  certify(name: string, options?: Partial<IssueOptions>, file?: string): Issued
  /** The signer's entry in the file, with the key by its label. */
  entry(name: string, change?: SignerEntry): SignerEntry
  /** Writes the file of the signers; those of a list with what `entry` says. The first is the default one. */
  write(signers: readonly string[] | SignersFile['signers']): void
  /** Puts bytes into a file at once, as deployments do: nobody reads half of it. */
  put(file: string, content: string): void
  path(file: string): string
}

/** @param directory new; SoftHSM reads its configuration from the environment, so one folder a test file */
export async function createSignersFolder(directory: string): Promise<SignersFolder> {
  mkdirSync(directory, { recursive: true })
  const path = (file: string) => join(directory, file)
  const ca = path('ca')
  const root = issue(ca, { subject: '/O=Test/CN=Root', ca: true })
  const issuing = issue(ca, { subject: '/O=Test/CN=Issuing CA', ca: true, issuer: root })
  const token = await createToken(path('token'))
  const keys = new Map<string, { readonly keyFile: string; readonly id: string }>()
  const put = (file: string, content: string) => {
    writeFileSync(path(`${file}.new`), content)
    renameSync(path(`${file}.new`), path(file))
  }
  put('ca.pem', [issuing, root].map(({ certificate }) => String(certificate)).join(''))
  const keyOf = (name: string) => {
    const key = keys.get(name)
    if (key === undefined) {
      throw new Error(`there is no key ${name}`)
    }
    return key
  }
  const folder: SignersFolder = {
    directory,
    token,
    root,
    issuing,
    environment: { ...token.environment, SIGNERS_FILE: path('signers.json'), HSM_SESSIONS: '2' },
    async addKey(name, type = 'p-256', on = token) {
      const keyFile = generateKeyFile(directory, KEY_TYPES[type])
      keys.set(name, { keyFile, id: Buffer.from(name).toString('hex') })
      await folder.importKey(name, on)
      return folder.certify(name)
    },
    importKey: (name, on = token) => importKey(on, keyOf(name).keyFile, { label: name, id: keyOf(name).id }),
    async deleteKey(name, on = token) {
      for (const type of ['privkey', 'pubkey']) {
        await promisify(execFile)('pkcs11-tool', [
          ...['--module', `${on.environment.HSM_MODULE}`, '--token-label', on.label, '--login', '--pin', PIN],
          ...['--delete-object', '--type', type, '--id', keyOf(name).id],
        ])
      }
    },
    async forbidSigning(name, on = token) {
      const env = { ...process.env, TOKEN_PIN: PIN }
      const args = [`${on.environment.HSM_MODULE}`, on.label, keyOf(name).id]
      await promisify(execFile)(process.execPath, ['--input-type=module', '-e', FORBID, '--', ...args], {
        env,
      })
    },
    certify(name, options = {}, file = `${name}.pem`) {
      const { keyFile } = keyOf(name)
      const issued = issue(ca, { subject: `/O=Test/CN=${name}`, issuer: issuing, keyFile, ...options })
      put(file, readFileSync(issued.certificateFile, 'utf8'))
      return issued
    },
    entry: (name, change = {}) => ({
      ...{ key: { label: name }, certificateFile: `${name}.pem`, caFile: 'ca.pem' },
      ...change,
    }),
    write(signers) {
      const entries = Array.isArray(signers)
        ? Object.fromEntries(signers.map((name) => [name, folder.entry(name)]))
        : (signers as SignersFile['signers'])
      const [name = ''] = Object.keys(entries)
      put('signers.json', JSON.stringify({ default: name, signers: entries }))
    },
    put,
    path,
  }
  return folder
}

/** The signing token that asks for a signer. */
export function tokenFor(signer: string): string {
  return JSON.stringify({ signer })
}
