import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { send } from '../support/http.ts'
import { scrape } from '../support/scrape.ts'
import { holds } from '../support/secrets.ts'
import { startReadyService } from '../support/service.ts'
import { createSigningToken, PIN } from '../support/token.ts'

t.test('the check finds a secret in each of its forms', async (t) => {
  const secret = Buffer.from('{"userId": "somebody", "key": "value"}')
  t.ok(holds(`before ${secret} after`, secret))
  t.ok(holds(JSON.stringify({ token: secret.toString() }), secret))
  t.ok(holds(JSON.stringify({ token: secret }), secret))
  t.ok(holds(Buffer.from(`"${secret}"`).toString('base64'), secret))
  t.ok(holds(secret.toString('hex').toUpperCase(), secret))
  t.notOk(holds('{"level":30,"msg":"request answered"}', secret))
})

t.test('no token, document, digest, signature or PIN is in the log or the metrics', async (t) => {
  const { environment } = await createSigningToken(t.testdir())
  const service = await startReadyService(t, environment)
  const post = (body: string, path = '/sign') => send(`${service.url}${path}`, { method: 'POST', body })

  const secrets: (Buffer | string)[] = [PIN]
  const secret = (bytes: Buffer | string) => {
    secrets.push(bytes)
    return bytes
  }
  for (let round = 0; round < 3; round++) {
    const content = randomBytes(200)
    const digest = createHash('sha256').update(content).digest()
    const token = JSON.stringify({ userId: randomBytes(12).toString('hex'), name: 'Zoë' })
    secret(content)
    secret(digest)
    secret(token)
    const encoded = content.toString('base64')
    const fields = { signing_token: token, hash_algorithm: 'sha256' }
    const signed = [
      { action: 'sign', data_to_be_signed: encoded },
      { action: 'sign_pkcs7', encoded_contents: encoded, digest: digest.toString('hex') },
      { action: 'sign_pkcs7', digest: digest.toString('hex'), signature_type: 'cades' },
      { encodedContents: encoded },
    ]
    for (const body of signed) {
      const answer = await service.sign({ ...fields, ...body })
      t.equal(answer.statusCode, 200)
      secret(answer.body.subarray(-256))
    }
    const wrong = secret(randomBytes(32)).toString('hex')
    const refused = [
      JSON.stringify({ ...fields, action: token }),
      JSON.stringify({ ...fields, action: 'sign_pkcs7', encoded_contents: encoded, digest: wrong }),
      JSON.stringify({ ...fields, action: 'sign', data_to_be_signed: `${encoded}!` }),
      JSON.stringify({ ...fields, action: 'sign', data_to_be_signed: encoded, hash_algorithm: token }),
      JSON.stringify({ ...fields, action: 'sign', data_to_be_signed: encoded, signature_type: token }),
      JSON.stringify({ signing_token: [token], action: { token } }),
      `{"signing_token": ${JSON.stringify(token)}, oops`,
      `${encoded}`,
    ]
    for (const body of refused) {
      const answer = await post(body)
      t.equal(answer.statusCode, 400)
      t.notOk([token, content, digest].some((one) => holds(answer.body.toString(), one)))
    }
    const query = `?signing_token=${encodeURIComponent(token)}&data=${encodeURIComponent(encoded)}`
    secret(encodeURIComponent(token))
    await post('{}', `/sign${query}`)
    await post('{}', `/${encodeURIComponent(token)}`)
    await post('{}', `/%zz${query}`)
    await send(`${service.url}/sign`, {
      method: 'POST',
      body: '{}',
      headers: { authorization: `Bearer ${encoded}`, 'x-request-id': `not a plain word: ${encoded}` },
    })
  }

  const log = service.log()
  t.ok(log.split('request refused').length > 24, 'every refusal is in the log')
  t.ok(log.split('request answered').length > 12, 'every signature is in the log')
  const { text } = await scrape(service.url)
  for (const one of secrets) {
    t.notOk(holds(log, one), 'not in the log')
    t.notOk(holds(text, one), 'not in the metrics')
  }
})
