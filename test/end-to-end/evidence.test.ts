/** The commands of docs/evidence.md, on SoftHSM, with a document that was signed and recorded. */
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { MAIN } from '../support/command.ts'
import { readPage } from '../support/pages.ts'
import { repositoryPath } from '../support/repository.ts'
import { keepToken } from '../support/secret-watch.ts'
import { startReadyServerProcess } from '../support/server-process.ts'
import { createToken } from '../support/token.ts'
import { readWalk } from '../support/walk.ts'

const SIGN_PDF = fileURLToPath(new URL('../support/document-engine/cli.js', import.meta.url))

/** Makes two signers, one of them for the audit log, and a user; and, while the service runs, a document. */
const BEFORE = `
\`\`\`sh
for name in contracts auditor; do
  signing-service keygen --label $name
  signing-service certify --self-signed --label $name --subject "CN=$name,O=Example,C=DE" --out $name.pem
done
cat >signers.json <<'END'
{
  "default": "contracts",
  "signers": {
    "contracts": { "key": { "label": "contracts" }, "certificateFile": "contracts.pem" },
    "auditor": { "key": { "label": "auditor" }, "certificateFile": "auditor.pem" }
  }
}
END
signing-service user add contracts-app --signer contracts >token
\`\`\`

\`\`\`sh
'${process.execPath}' '${SIGN_PDF}' in.pdf contract.pdf --url http://127.0.0.1:6000/sign --signing-token "$(cat token)"
\`\`\`
`

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const { environment: token } = await createToken(path('token-folder'))
copyFileSync(repositoryPath('test/support/document-engine/sample.pdf'), path('in.pdf'))

const walk = readWalk(BEFORE + readPage('docs/evidence.md'), directory, [])
const { environment, placeholders, runNext } = walk
Object.assign(environment, token, { ACCESS_FILE: path('access.json') })
await runNext()
keepToken('token of a user', readFileSync(path('token'), 'utf8').trim())
Object.assign(environment, { SIGNERS_FILE: path('signers.json'), ACCESS: 'tokens' })
const audit = { AUDIT_FILE: path('audit.jsonl'), AUDIT_SIGNER: 'auditor' }
const program = { module: MAIN, args: ['serve'], cwd: directory }
const { child, address, exited } = await startReadyServerProcess(t, { ...environment, ...audit }, program)
placeholders.push(['http://127.0.0.1:6000', address])
await runNext()
child.kill('SIGTERM')
await exited

t.test('the key was made in the token, and the request is by it', async (t) => {
  const lines = (await runNext()).split('\n')
  const keys = JSON.parse(readFileSync(path('keys.json'), 'utf8')) as { label: string; fingerprint: string }[]
  const fingerprint = keys.find(({ label }) => label === 'contracts')?.fingerprint
  t.ok(lines.includes('true'), 'its attributes are as they should be')
  t.ok(lines.includes(`${fingerprint} *stdin`), 'the request has the same fingerprint')
  t.match(JSON.parse(readFileSync(path('tokens.json'), 'utf8')), { library: { manufacturer: 'SoftHSM' } })
})

t.test('the key has signed what the token says of it, over a nonce', async (t) => {
  const lines = (await runNext()).split('\n')
  t.ok(lines.includes('Verified OK'), 'to OpenSSL')
  t.ok(lines.includes('true'), 'its attributes are as they should be')
})

t.test('who may use it', async (t) => {
  t.match(await runNext(), /contracts-app/)
})

t.test('what was signed', async (t) => {
  t.match(await runNext(), /\nPROVEN\n[\s\S]*it was signed at \S+ for contracts-app/)
})

t.test('nothing of the page was left out', async (t) => {
  t.same(walk.left, [])
})
