/** A client that is generated from the description compiles, and has a document signed. */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import openapiTS, { astToString } from 'openapi-typescript'
import t from 'tap'
import ts from 'typescript'
import { repositoryPath } from '../support/repository.ts'
import { startReadyService } from '../support/service.ts'
import { createSigningToken } from '../support/token.ts'
import { verifyCms, verifySignature } from '../support/validators/openssl.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const { environment, certificates } = await createSigningToken(path('token'))
const service = await startReadyService(t, environment)
const openApi = readFileSync(repositoryPath('schemas/openapi.json'), 'utf8')
writeFileSync(path('api.d.ts'), astToString(await openapiTS(openApi)))
writeFileSync(path('package.json'), '{"type":"module"}')

/** Compiles a module beside the generated types, and returns what is wrong with it. */
function compile(name: string, source: string): string[] {
  writeFileSync(path(name), source)
  const program = ts.createProgram([path(name)], {
    ...{
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
    },
    ...{ target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext, types: ['node'] },
    typeRoots: [repositoryPath('node_modules/@types')],
  })
  program.emit()
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
}

const CLIENT = `
import { writeFileSync } from 'node:fs'
import createClient from 'openapi-fetch'
import type { components, paths } from './api.d.ts'

const [, , baseUrl = '', container = '', signature = ''] = process.argv
const { GET, POST } = createClient<paths>({ baseUrl })
const octets = { parseAs: 'arrayBuffer' } as const
const body: components['schemas']['CallbackRequest'] = { action: 'sign_pkcs7', encoded_contents: 'aGVsbG8=' }
const signed = await POST('/sign', { body, ...octets })
if (signed.data instanceof ArrayBuffer) writeFileSync(container, new Uint8Array(signed.data))
const bare = await POST('/sign', { body: { action: 'sign', data_to_be_signed: 'aGVsbG8=' }, ...octets })
if (bare.data instanceof ArrayBuffer) writeFileSync(signature, new Uint8Array(bare.data))
const { data: ready } = await GET('/health/ready')
const { error } = await POST('/sign', { body: { action: 'sing' } })
const code: components['schemas']['Refusal']['code'] | undefined = error?.code
console.log(JSON.stringify({ ready: ready?.status, code }))
`

t.test('it compiles, and signs', async (t) => {
  t.same(compile('client.ts', CLIENT), [])
  const files = [path('client.js'), service.url, path('container.der'), path('signature.bin')]
  const { stdout } = await promisify(execFile)(process.execPath, files, { timeout: 60_000 })
  t.same(JSON.parse(stdout), { ready: 'ready', code: 'UNKNOWN_ACTION' })
  const content = Buffer.from('hello')
  const cms = readFileSync(path('container.der'))
  t.match(await verifyCms({ cms, content, trustAnchors: certificates.bundle }), { valid: true })
  const certificate = readFileSync(certificates.leaf)
  const signature = readFileSync(path('signature.bin'))
  t.match(await verifySignature({ certificate, hash: 'sha256', data: content, signature }), { valid: true })
})

t.test('it does not compile with what is not described', async (t) => {
  const wrong = CLIENT.replace("'/health/ready'", "'/health/reday'").replace("action: 'sing'", 'action: 5')
  const problems = compile('wrong.ts', wrong).join('\n')
  t.match(problems, /"\/health\/reday"/)
  t.match(problems, /'number' is not assignable to type 'string'/)
})
