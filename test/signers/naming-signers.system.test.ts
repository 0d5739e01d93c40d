/** The ways in which a request names its signer, and those that only seem to be one. */
import { X509Certificate } from 'node:crypto'
import t, { type Test } from 'tap'
import { type Answer, send } from '../support/http.ts'
import { checkRefusal, type Refusal } from '../support/refusal.ts'
import { afterReload, problemsSince } from '../support/reload.ts'
import { scrape } from '../support/scrape.ts'
import { type Service, startReadyService } from '../support/service.ts'
import { createSignersFolder, tokenFor } from '../support/signers.ts'
import { verifyCms } from '../support/validators/openssl.ts'

const CONTENT = Buffer.from('a document')
const CERTIFICATES = { action: 'get_certificates' }
const CONTAINER = {
  ...{ action: 'sign_pkcs7', encoded_contents: CONTENT.toString('base64'), signature_type: 'cades' },
}
const RAW = { action: 'sign', data_to_be_signed: CONTENT.toString('base64') }

const folder = await createSignersFolder(t.testdir())
await folder.addKey('house', 'rsa')
await folder.addKey('contracts.2026', 'rsa')
folder.write(['house', 'contracts.2026'])
const environment = { ...folder.environment, SIGNERS_RELOAD_INTERVAL_MS: '0' }
const service = await startReadyService(t, { ...environment, SIGNING_SERVICE_PATH: '/api/sign' })

const invalid = (message: string | RegExp): Refusal => ({ statusCode: 400, code: 'INVALID_REQUEST', message })
const MISPLACED = invalid(
  'signing_token: seems to name a signer, which only a JSON object does, as {"signer":"NAME"}, sent as a string that ' +
    'was not encoded in any other way',
)
const UNNAMED = invalid(
  'signing_token: must name the signer, as {"signer":"NAME"}, or the path must, as /sign/NAME: there is no default signer',
)

function post(path: string, body: object, to: Service = service): Promise<Answer> {
  return send(`${to.url}${path}`, { method: 'POST', body: JSON.stringify(body) })
}

/** Common name in the certificate that get_certificates answers, of which a container made the same way is proof. */
async function signerAt(t: Test, path: string, fields: object = {}, to: Service = service): Promise<string> {
  const answer = await post(path, { ...CERTIFICATES, ...fields }, to)
  t.equal(answer.statusCode, 200, `${path}: ${answer.statusCode === 200 ? '' : answer.body}`)
  const { certificates } = answer.json() as { certificates: [string] }
  const leaf = new X509Certificate(Buffer.from(certificates[0], 'base64'))
  const { body } = await post(path, { ...CONTAINER, ...fields }, to)
  const { valid, message } = await verifyCms({
    ...{ cms: body, content: CONTENT, trustAnchors: folder.root.certificateFile, cades: true },
  })
  t.ok(valid, message)
  t.ok(body.includes(leaf.raw), 'its certificate is in the container')
  t.equal((await post(path, { ...RAW, ...fields }, to)).statusCode, 200)
  return leaf.subject.replace(/^.*CN=/s, '')
}

t.test('a signer that is named by another field, or in the query, is refused', async (t) => {
  const elsewhere = invalid(
    'a field of the body, or of the query, names a signer, which only the path does, as /sign/NAME, and the ' +
      'signing_token, as {"signer":"NAME"}',
  )
  for (const request of [CERTIFICATES, CONTAINER, RAW]) {
    for (const fields of [
      { signer: 'contracts.2026' },
      { Singer: ' Contracts.2026' },
      { signerName: 'contracts.2026' },
      { signer: 'contracts.2026', signing_token: tokenFor('house') },
      { signer: ['contracts.2026'] },
      // Names that no signer has, as of one that was renamed
      { signer: 'contract.2026' },
      { Signer: 7 },
      { signer: { id: 7, name: 'contracts.2026' } },
      // Behind more fields than are compared
      Object.fromEntries([...Array(40).keys(), 'signer'].map((name) => [name, 'contracts.2026'])),
    ]) {
      checkRefusal(t, await post('/sign', { ...request, ...fields }), elsewhere)
    }
    checkRefusal(t, await post('/sign?signer=contracts.2026', request), elsewhere)
    checkRefusal(t, await post('/sign/house?signer=contracts.2026', request), elsewhere)
    checkRefusal(t, await post('/sign?signer=house&signer=contracts.2026', request), elsewhere)
    checkRefusal(t, await post('/sign?signer=contracts.2026', { ...request, signer: null }), elsewhere)
    checkRefusal(t, await post('/sign?Signer=contract.2026', request), elsewhere)
    const inQuery = invalid('signing_token: stands in the query; send signing_token in the body')
    const token = encodeURIComponent(tokenFor('contracts.2026'))
    checkRefusal(t, await post(`/sign?signing_token=${token}`, request), inQuery)
  }
  for (const [path, fields, signer] of [
    ['/sign?page=1', { signer: null, singer: 7, folder: 'contracts.2026' }, 'house'],
    ['/sign', { singers: [[[['contracts.2026']]]], signers: null }, 'house'],
    ['/sign/contracts.2026?signer=contracts.2026', { signer: 'contracts.2026' }, 'contracts.2026'],
    ['/sign', { signer: 'contracts.2026', signing_token: tokenFor('contracts.2026') }, 'contracts.2026'],
  ] as const) {
    t.equal(await signerAt(t, path, fields), signer)
  }
})

t.test('the path names the signer of every action', async (t) => {
  for (const path of [
    ...[
      '/sign/contracts.2026',
      '/sign/contracts.2026/',
      '/sign/contracts%2E2026',
      '/sign/%63ontracts.2026?a=b',
    ],
    ...['/api/sign/contracts.2026', '/api/sign/contracts.2026/'],
  ]) {
    for (const signing_token of [undefined, null, '', 'user-4711', tokenFor('contracts.2026')]) {
      t.equal(await signerAt(t, path, { signing_token }), 'contracts.2026', path)
    }
  }
  t.equal(await signerAt(t, '/sign/house'), 'house')
  t.equal(await signerAt(t, '/sign/'), 'house', 'the default where there is no name')
  t.equal(
    await signerAt(t, '/sign/house', { signing_token: 'house' }),
    'house',
    'a user named like the signer',
  )
})

t.test('a token that names another signer than the path is refused', async (t) => {
  for (const body of [CERTIFICATES, CONTAINER, RAW]) {
    for (const name of ['house', 'nobody', '']) {
      checkRefusal(t, await post('/sign/contracts.2026', { ...body, signing_token: tokenFor(name) }), {
        statusCode: 400,
        code: 'SIGNER_MISMATCH',
        message: 'signing_token: names another signer than the path',
      })
    }
    const signing_token = JSON.stringify(tokenFor('house'))
    checkRefusal(t, await post('/sign/contracts.2026', { ...body, signing_token }), MISPLACED)
  }
})

t.test('a path that names no signer is refused', async (t) => {
  for (const name of [
    'nobody',
    'House',
    'house%2Fcontracts',
    '%20house',
    '__proto__',
    'default',
    ':signer',
    'x'.repeat(9000),
    '/',
  ]) {
    checkRefusal(t, await post(`/sign/${name}`, CONTAINER), {
      statusCode: 400,
      code: 'UNKNOWN_SIGNER',
      message: 'path: names a signer that this service does not have',
    })
  }
  for (const path of ['/house', '/sign/house/house', '/sign//house', '/sign.house']) {
    checkRefusal(t, await post(path, CONTAINER), {
      statusCode: 404,
      code: 'NOT_FOUND',
      message: /POST \/sign of SIGNING_SERVICE_PORT$/,
    })
  }
  const { statusCode, headers } = await send(`${service.url}/sign/house`)
  t.match([statusCode, headers.allow], [405, 'POST, OPTIONS'])
  t.equal((await send(`${service.url}/sign/house`, { method: 'OPTIONS' })).statusCode, 204)
})

t.test('metrics count the requests of all signers under one route', async (t) => {
  await post('/sign/made-up-name', CERTIFICATES)
  const { text } = await scrape(service.url)
  t.match(text, 'route="/sign/:signer"')
  t.notMatch(text, 'made-up-name')
})

t.test('with several signers a token that nearly names one is refused, and quoted nowhere', async (t) => {
  const secret = 'user-of-somebody-4711'
  const object = JSON.stringify({ signer: 'contracts.2026', userId: secret })
  for (const signing_token of [
    ...[
      JSON.stringify(object),
      `[${object}]`,
      `/* */ ${object}`,
      `signer=house&user=${secret}`,
      'contracts.2026',
    ],
    ...[Buffer.from(object).toString('base64'), Buffer.from(object).toString('base64url')],
    object.replace('signer', 'Signer'),
  ]) {
    for (const body of [CERTIFICATES, CONTAINER, RAW]) {
      const answer = await post('/sign', { ...body, signing_token })
      checkRefusal(t, answer, MISPLACED)
      t.notMatch(answer.body.toString() + service.log(), secret)
    }
  }
})

t.test('without a default every request names its signer', async (t) => {
  folder.put('signers.json', JSON.stringify({ default: null, signers: { house: folder.entry('house') } }))
  const service = await startReadyService(t, environment)
  for (const signing_token of [undefined, null, '', 'user-4711', '{}', '{"signer":null}']) {
    for (const body of [CERTIFICATES, CONTAINER, RAW]) {
      checkRefusal(t, await post('/sign', { ...body, signing_token }, service), UNNAMED)
    }
  }
  checkRefusal(t, await post('/sign', { ...RAW, signing_token: 'house' }, service), MISPLACED)
  t.equal(await signerAt(t, '/sign', { signing_token: tokenFor('house') }, service), 'house')
  t.equal(await signerAt(t, '/sign/house', {}, service), 'house')
  t.match((await send(`${service.url}/health/ready`)).json(), {
    hsm: { state: 'ready' },
    signers: { house: { state: 'ready' } },
  })

  folder.write(['house'])
  t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
  t.equal(await signerAt(t, '/sign', {}, service), 'house', 'a default that was added')
  t.equal(await signerAt(t, '/sign', { signing_token: JSON.stringify(tokenFor('house')) }, service), 'house')
})

t.test('a name that would hide behind the path of the service is not taken over', async (t) => {
  folder.write(['house'])
  const service = await startReadyService(t, { ...environment, SIGNING_SERVICE_PATH: '/sign/contracts.2026' })
  t.equal(await signerAt(t, '/sign/contracts.2026', {}, service), 'house', 'the path is one without a name')
  t.equal(await signerAt(t, '/sign/contracts.2026/house', {}, service), 'house')
  const start = service.log().length
  folder.write(['house', 'contracts.2026'])
  t.equal(await afterReload(service, () => service.app.reload()), 'refused')
  t.match(
    problemsSince(service, start).join(),
    /SIGNING_SERVICE_PATH: \/sign\/contracts\.2026 is the path of the signer contracts\.2026/,
  )
})

t.test('the methods of SIGN_METHODS are all signed with the HSM', async (t) => {
  folder.write(['house'])
  const service = await startReadyService(t, { ...environment, SIGN_METHODS: 'privateKey, HSM' })
  for (const signMethod of ['privatekey', 'privateKey', 'hsm']) {
    const signing_token = JSON.stringify({ userId: '4711', signMethod })
    t.equal(await signerAt(t, '/sign', { signing_token }, service), 'house', signMethod)
  }
  checkRefusal(t, await post('/sign', { ...RAW, signing_token: '{"signMethod":"globalsign"}' }, service), {
    ...invalid(/^signing_token: signMethod must be one of privatekey, hsm: /),
  })
})
