/** Keys that tell little of themselves, or cannot sign, named by a person: each is refused with the reason. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { createSignersFolder } from '../support/signers.ts'
import { generateKey, PIN } from '../support/token.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const folder = await createSignersFolder(path('signers'))
const { token } = folder
const faulty = await createFaultyModule(directory, token.environment)
await generateKey(token, { label: 'signer', id: 'a1' })
await folder.addKey('imported')
await folder.addKey('decrypts')
await folder.forbidSigning('decrypts')
generate('each-time', 'a2', 'rsa:2048', '--usage-sign', '--always-auth')
generate('short', 'a3', 'rsa:1024', '--usage-sign')

function generate(label: string, id: string, kind: string, ...usage: string[]): void {
  const access = ['--module', `${token.environment.HSM_MODULE}`, '--login', '--pin', PIN]
  const key = ['--keypairgen', '--key-type', kind, '--label', label, '--id', id, ...usage]
  execFileSync('pkcs11-tool', [...access, '--token-label', 'test', ...key], { stdio: 'pipe' })
}

function run(...args: string[]) {
  return runCommand(faulty.environment, ...args)
}

const evidence = (label: string) =>
  run('keys', '--evidence', randomBytes(16).toString('hex'), '--label', label)

/** Hides attributes of all objects, as a token does that does not know them. */
function hide(...attributes: string[]): void {
  faulty.plan(...attributes.map((name) => `C_GetAttributeValue refuse ${name} CKR_ATTRIBUTE_TYPE_INVALID`))
}

for (const { label, rule = '', reason } of [
  { label: 'decrypts', reason: /may not sign \(CKA_SIGN is false\)/ },
  { label: 'each-time', reason: /demands the PIN for each signature \(CKA_ALWAYS_AUTHENTICATE\)/ },
  { label: 'short', reason: /cannot sign here: it is RSA with 1024 bits/ },
  {
    label: 'signer',
    rule: 'C_GetMechanismInfo no-signing',
    reason: /signs with no mechanism of this program/,
  },
  {
    label: 'signer',
    rule: 'C_GetMechanismInfo return CKR_DEVICE_ERROR',
    reason: /answered CKR_DEVICE_ERROR to C_GetMechanismInfo/,
  },
  { label: 'signer', rule: 'C_Sign flip', reason: /does not verify with its public half/ },
]) {
  t.test(`no evidence about a key for which: ${reason.source}`, async (t) => {
    faulty.plan(rule)
    t.match(await evidence(label), { exitCode: 1, stdout: '', stderr: reason })
  })
}

t.test('a key whose public half the token does not show', async (t) => {
  hide('CKA_MODULUS')
  const hidden = /does not show the public half/
  t.match(await run('keys', '--public-key', '--label', 'signer'), { exitCode: 1, stdout: '', stderr: hidden })
  t.match(await evidence('signer'), { exitCode: 1, stdout: '', stderr: hidden })
  const several = await run('keys', '--public-key')
  t.match(several, {
    exitCode: 1,
    stderr: /several private keys have been named: .*label "imported" id /,
  })
  const deletion = await run('delete-key', '--label', 'short', '--confirm', 'short')
  t.match(deletion, { exitCode: 0, stderr: /fingerprint unknown/, stdout: 'deleted short\n' })
})

t.test('a key without a name that the token shows', async (t) => {
  hide('CKA_LABEL', 'CKA_ID')
  t.match(await evidence('signer'), { exitCode: 0, stderr: '' })
  const deletion = await run('delete-key', '--label', 'signer', '--confirm', 'signer')
  t.match(deletion, { exitCode: 1, stderr: /label unknown and id unknown[\s\S]*that is another name/ })
  hide('CKA_LABEL', 'CKA_ID', 'CKA_MODULUS')
  const nameless = await run('delete-key', '--label', 'signer', '--confirm', 'signer')
  t.match(nameless, { exitCode: 1, stderr: /neither label, id nor fingerprint/ })
  t.match(await evidence('signer'), { exitCode: 1, stderr: /label "" id \(none\), so nobody could verify/ })
})

t.test('a key that is named otherwise than any', async (t) => {
  faulty.plan()
  t.match(await run('keys', '--public-key', '--id', 'ff'), {
    exitCode: 1,
    stderr: /no private key has id ff;/,
  })
  const other = await run('keys', '--public-key', '--fingerprint', '00'.repeat(32))
  t.match(other, { exitCode: 1, stderr: /no private key has fingerprint 0{64}; there are: label "/ })
  const keys = JSON.parse((await run('keys', '--json')).stdout) as { label: string; fingerprint: string }[]
  const { fingerprint = '' } = keys.find(({ label }) => label === 'signer') ?? {}
  t.match(await run('keys', '--public-key', '--fingerprint', fingerprint), { exitCode: 0 })
  faulty.plan('C_FindObjects find-nothing')
  const none = await run('keys', '--public-key')
  t.match(none, { exitCode: 1, stderr: /there are none that this user can see/ })
  hide('CKA_LABEL', 'CKA_ID')
  const nameless = await run('keys', '--public-key', '--id', 'ff')
  t.match(nameless, { exitCode: 1, stderr: /label "" id \(none\) fingerprint [0-9a-f]{64}/ })
})

t.test('evidence where the token tells little', async (t) => {
  faulty.plan()
  const statementOf = async (label: string) =>
    JSON.parse((JSON.parse((await evidence(label)).stdout) as { statement: string }).statement)
  const attributes = { CKA_LOCAL: false, CKA_KEY_GEN_MECHANISM: null }
  t.match(await statementOf('imported'), { key: { label: 'imported', attributes } }, 'it was imported')
  faulty.plan('C_OpenSession return CKR_TOKEN_WRITE_PROTECTED times=1')
  t.match(await statementOf('signer'), { key: { label: 'signer' } }, 'the token is read-only')
})

t.test('a session that cannot be opened is told, and nothing is deleted', async (t) => {
  faulty.plan('C_OpenSession return CKR_DEVICE_ERROR')
  const deletion = await run('delete-key', '--label', 'signer', '--confirm', 'signer')
  t.match(deletion, { exitCode: 1, stderr: /CKR_DEVICE_ERROR/ })
  t.match(await evidence('signer'), { exitCode: 1, stdout: '', stderr: /CKR_DEVICE_ERROR/ })
  faulty.plan()
  t.equal((await run('keys', '--public-key', '--label', 'signer')).exitCode, 0)
})
