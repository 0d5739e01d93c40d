/** The programs of docs/web-sdk.md, as an application and its page would run them. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { attributesNaming } from '../support/attributes-to-sign.ts'
import { createJwtKey, createKeySet } from '../support/jwt.ts'
import { readPage } from '../support/pages.ts'
import { startReadyService } from '../support/service.ts'
import { createSignersFolder } from '../support/signers.ts'
import { verifyCms, verifySignature } from '../support/validators/openssl.ts'

const CONTENT = Buffer.from('a document')
const folder = await createSignersFolder(t.testdir())
const house = await folder.addKey('house', 'rsa')
folder.write(['house'])
const key = createJwtKey()
folder.put('jwks.json', JSON.stringify(createKeySet(key)))
folder.put('key.pem', `${key.privateKey.export({ type: 'pkcs8', format: 'pem' })}`)
const service = await startReadyService(t, {
  ...folder.environment,
  ...{ ACCESS: 'jwt', ACCESS_JWT_KEYS: folder.path('jwks.json'), WEB_SDK: 'true' },
  ...{ ACCESS_JWT_ISSUER: 'https://app.example.com', ACCESS_JWT_AUDIENCE: 'signing-service' },
  CORS_ORIGINS: 'https://app.example.com',
})

/** Returns the only program of the page that has a text in it, for the service of this test. */
function blockWith(text: string): string {
  const blocks = [...readPage('docs/web-sdk.md').matchAll(/```js\n(.*?)```/gs)].map(([, block = '']) => block)
  const [block = '', ...others] = blocks.filter((one) => one.includes(text))
  t.same(others, [], text)
  return block.replaceAll('https://signing.example.com', service.url)
}

/** Runs a program with what stands before and behind it, and returns the JSON that it prints. */
async function run(name: string, before: string, block: string, after: string) {
  folder.put(name, `${before}\n${block}\n${after}`)
  const env = { ...process.env, JWT_KEY_FILE: folder.path('key.pem'), JWT_KEY_ID: key.kid }
  const { stdout } = await promisify(execFile)(process.execPath, [folder.path(name)], { env })
  return JSON.parse(stdout)
}

folder.put('issue.mjs', blockWith('issueToken'))
const issue = `import { issueToken } from ${JSON.stringify(pathToFileURL(folder.path('issue.mjs')).href)}`

t.test('a callback of a page gets a container for a hash', async (t) => {
  const callback = blockWith('async function sign(').replace(/await instance\.signDocument.*/s, '')
  const hash = createHash('sha256').update(CONTENT).digest('hex').toUpperCase()
  const { pkcs7 } = await run(
    'callback.mjs',
    `${issue}\nconst jwt = await issueToken('alice', 'house')`,
    callback,
    `const { pkcs7 } = await sign({ hash: '${hash}' })
    console.log(JSON.stringify({ pkcs7: Buffer.from(pkcs7).toString('base64') }))`,
  )
  const cms = Buffer.from(pkcs7, 'base64')
  const trustAnchors = folder.root.certificateFile
  t.match(await verifyCms({ cms, content: CONTENT, trustAnchors, cades: true }), { valid: true })
})

t.test('a back end gets the signature over its attributes, and the certificates', async (t) => {
  const attributes = attributesNaming(house.certificate.raw)
  const { signedData, certificates } = await run(
    'back-end.mjs',
    `${issue}\nconst token = await issueToken('alice', 'house')
    const attributes = Buffer.from('${attributes.toString('hex')}', 'hex')`,
    blockWith('data_to_be_signed'),
    'console.log(JSON.stringify({ signedData, certificates }))',
  )
  t.equal(Buffer.from(certificates[0], 'base64').toString(), readFileSync(house.certificateFile, 'utf8'))
  const signature = Buffer.from(signedData, 'base64')
  const signed = { certificate: `${house.certificate}`, hash: 'sha256', data: attributes, signature }
  t.match(await verifySignature(signed), { valid: true })
})
