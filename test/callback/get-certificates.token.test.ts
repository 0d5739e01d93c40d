import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { checkRefusal } from '../support/refusal.ts'
import { startReadyService, startService } from '../support/service.ts'
import { createSigningToken } from '../support/token.ts'
import { asn1Values, childrenOf } from '../support/validators/asn1-values.ts'

const { environment, certificates } = await createSigningToken(t.testdir())
const chain = [certificates.leaf, certificates.intermediate, certificates.root].map((file) =>
  readFileSync(file, 'utf8'),
)

function pemTexts(entries: unknown): string[] {
  return (entries as string[]).map((entry) => {
    const text = Buffer.from(entry, 'base64')
    t.equal(text.toString('base64'), entry, 'each entry is base64')
    return text.toString()
  })
}

t.test('the chain is base64 of PEM, the leaf apart, its issuers nearest first', async (t) => {
  const service = await startReadyService(t, environment)
  const answer = await service.sign({ action: 'get_certificates', signing_token: 'anybody' })
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
  t.strictSame(Object.keys(answer.json()), ['certificates', 'ca_certificates'])
  t.strictSame(pemTexts(answer.json().certificates), chain.slice(0, 1))
  t.strictSame(pemTexts(answer.json().ca_certificates), chain.slice(1))

  const digest = '00'.repeat(32)
  const { body } = await service.sign({ action: 'sign_pkcs7', digest })
  const values = await asn1Values(body)
  const embedded = values.find(({ depth, text }) => depth === 3 && text === 'cont [ 0 ]')
  t.strictSame(
    embedded && new Set(childrenOf(values, embedded).map(({ der }) => new X509Certificate(der).toString())),
    new Set(chain),
    'the same as in the container',
  )
})

t.test('certificates from a file are there while the token is not', async (t) => {
  const service = await startService(t, { ...environment, HSM_TOKEN_LABEL: 'away', HSM_TIMEOUT_MS: '300' })
  const answer = await service.sign({ action: 'get_certificates' })
  t.equal(answer.statusCode, 200)
  t.strictSame(pemTexts(answer.json().certificates), chain.slice(0, 1))
  const refused = await service.sign({ action: 'sign', data_to_be_signed: 'AAAA' })
  checkRefusal(t, refused, { statusCode: 503, code: 'HSM_UNAVAILABLE', message: /cannot sign/ })
})

t.test('a certificate that is to be read from a token that is away is not there', async (t) => {
  const { SIGNER_CERTIFICATE_FILE, ...rest } = environment
  const service = await startService(t, { ...rest, HSM_TOKEN_LABEL: 'away' })
  const answer = await service.sign({ action: 'get_certificates' })
  checkRefusal(t, answer, { statusCode: 503, code: 'HSM_UNAVAILABLE', message: /\/health\/ready/ })
})
