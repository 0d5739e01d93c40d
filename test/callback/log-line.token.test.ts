/** The log line of a request tells the hash algorithm, the signer, and why it was refused. */
import { createHash } from 'node:crypto'
import t from 'tap'
import { createToken } from '../../src/access/user-token.ts'
import { send } from '../support/http.ts'
import { readLog } from '../support/log-lines.ts'
import { startReadyService } from '../support/service.ts'
import { createSignersFolder, tokenFor } from '../support/signers.ts'
import { until } from '../support/signing.ts'

const folder = await createSignersFolder(t.testdir())
await folder.addKey('house', 'rsa')
await folder.addKey('contracts')
folder.write(['house', 'contracts'])
const service = await startReadyService(t, folder.environment)

const content = Buffer.from('a document')
const data_to_be_signed = content.toString('base64')
const hexDigest = (algorithm: string) => createHash(algorithm).update(content).digest('hex')

/** Posts a body, and returns the message of the answer and the log line of the request. */
async function lineOf(body: object | string, path = '/sign') {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const { statusCode, headers, json } = await send(`${service.url}${path}`, { method: 'POST', body: text })
  const id = headers['x-request-id']
  const lines = () => readLog(service.log()).filter(({ requestId }) => requestId === id)
  await until('it is logged', () => lines().length > 0)
  return { message: statusCode === 200 ? undefined : json().message, line: lines()[0] }
}

t.test('the hash algorithm is in the line, and what names it', async (t) => {
  for (const [name, body, hashAlgorithm, hashAlgorithmFrom] of [
    ['none', { action: 'sign', data_to_be_signed }, 'sha256', 'default'],
    ['null', { action: 'sign', data_to_be_signed, hash_algorithm: null }, 'sha256', 'default'],
    ['named', { action: 'sign', data_to_be_signed, hash_algorithm: 'SHA-512' }, 'sha512', 'body'],
    ['the default, named', { action: 'sign', data_to_be_signed, hash_algorithm: 'sha256' }, 'sha256', 'body'],
    ['contents', { action: 'sign_pkcs7', encoded_contents: data_to_be_signed }, 'sha256', 'default'],
    ['a digest', { action: 'sign_pkcs7', digest: hexDigest('sha384') }, 'sha384', 'digest'],
    ['a hash', { hash: hexDigest('sha512') }, 'sha512', 'digest'],
    [
      'one that is not allowed',
      { action: 'sign', data_to_be_signed, hash_algorithm: 'sha1' },
      'sha160',
      'body',
    ],
    ['one that is none', { action: 'sign', data_to_be_signed, hash_algorithm: 'sha3' }, undefined, 'body'],
    ['no signature', { action: 'get_certificates' }, undefined, undefined],
  ] as const) {
    const { line } = await lineOf(body)
    t.match(line, { hashAlgorithm, hashAlgorithmFrom }, name)
  }
})

t.test("a user's token in place of the id of a request is not logged", async (t) => {
  const { token } = await createToken()
  for (const [given, callerRequestId] of [
    ['order-4711', 'order-4711'],
    [token, undefined],
    [`${token}.`, undefined],
    [token.split('.')[1] as string, undefined],
  ] as const) {
    const { headers } = await send(`${service.url}/sign`, {
      method: 'POST',
      body: '{}',
      headers: { 'x-request-id': given },
    })
    const lines = () =>
      readLog(service.log()).filter(({ requestId }) => requestId === headers['x-request-id'])
    await until('it is logged', () => lines().length > 0)
    t.match(lines()[0], { callerRequestId })
  }
  t.notMatch(service.log(), token.split('.')[1])
})

t.test('a refusal is in the line with its message, and with the signer where it is known', async (t) => {
  const unknown = 'signing_token: names a signer that this service does not have'
  const contracts = tokenFor('contracts')
  const { token: userToken } = await createToken()
  for (const [name, body, path, refusal, fields] of [
    ['no action', { signing_token: contracts }, '/sign', /^action: is required/, { signer: 'contracts' }],
    ['an unknown action', { action: 'x' }, '/sign', /^action: must be/, { signer: 'house' }],
    ['no JSON', '{', '/sign', 'body: is not valid JSON', { signer: undefined }],
    ['no JSON, with a path', '{', '/sign/contracts', 'body: is not valid JSON', { signer: 'contracts' }],
    ['no JSON, with an unknown path', '{', '/sign/x', 'body: is not valid JSON', { askedSigner: 'x' }],
    ['a misspelled name', { acton: 'sign' }, '/sign', /^acton: is not known/, { signer: undefined }],
    [
      'an unknown signer',
      { action: 'get_certificates', signing_token: tokenFor('x.y_z-1') },
      '/sign',
      unknown,
      { askedSigner: 'x.y_z-1', signer: undefined },
    ],
    [
      'a name of 65 letters',
      { action: 'get_certificates', signing_token: tokenFor('x'.repeat(65)) },
      '/sign',
      unknown,
      { askedSigner: undefined },
    ],
    [
      'no name',
      { action: 'get_certificates', signing_token: tokenFor('a secret') },
      '/sign',
      unknown,
      { askedSigner: undefined },
    ],
    [
      "a user's token in place of a name",
      { action: 'get_certificates', signing_token: tokenFor(userToken) },
      '/sign',
      unknown,
      { askedSigner: undefined },
    ],
    [
      "a user's token with a prefix in place of a name",
      { action: 'get_certificates', signing_token: tokenFor(`id-${userToken}`) },
      '/sign',
      unknown,
      { askedSigner: undefined },
    ],
    [
      "a user's token in the path",
      '{}',
      `/sign/${userToken}`,
      /^path: names a signer/,
      { askedSigner: undefined },
    ],
    [
      'no name in the path',
      '{}',
      '/sign/a%20secret',
      /^action: is required|^path/,
      { askedSigner: undefined },
    ],
  ] as const) {
    await t.test(name, async (t) => {
      const { message, line } = await lineOf(body, path)
      t.match(message, refusal)
      t.match(line, { level: 40, msg: 'request refused', refusal: message, ...fields })
    })
  }
  t.notMatch(service.log(), 'secret')
})
