/** Whether the stand-in for the Web SDK is as strict as the SDK and a browser are. */
import { createHash } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import t, { type Test } from 'tap'
import { issue, RSA_2048 } from '../support/certificates.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { dataToBeSigned } from '../support/document-engine/signed-attributes.ts'
import { startHttpServer } from '../support/http-server.ts'
import { createClaims, createJwtKey, signJwt } from '../support/jwt.ts'
import { signInSoftware } from '../support/software-container.ts'
import { asn1Parse } from '../support/validators/openssl.ts'
import { type BackEndOptions, backEnd } from '../support/web-sdk/back-end.ts'
import { StandInPage } from '../support/web-sdk/page.ts'
import { signDocument } from '../support/web-sdk/sign-document.ts'
import { sdkAttributes } from '../support/web-sdk/signed-attributes.ts'
import type { SigningData } from '../support/web-sdk/signing-data.ts'

const ORIGIN = 'https://app.example.com'
const signer = issue(t.testdir(), { subject: '/O=Test/CN=Signer', key: RSA_2048 })
const jwt = signJwt(createJwtKey(), createClaims())
const ALLOWED = {
  'access-control-allow-origin': ORIGIN,
  'access-control-allow-headers': 'Authorization, Content-Type',
}

interface Played {
  readonly preflight?: OutgoingHttpHeaders
  readonly status?: number
  readonly answer?: OutgoingHttpHeaders
  readonly hash?: Record<string, unknown>
}

/** Serves what a back end answers, which a test can change. */
async function startBackEnd(
  t: Test,
  { preflight = ALLOWED, status = 204, answer = ALLOWED, hash = {} }: Played = {},
) {
  const seen: { request: IncomingMessage; body: string }[] = []
  const url = await startHttpServer(t, async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) {
      chunks.push(chunk)
    }
    seen.push({ request, body: Buffer.concat(chunks).toString() })
    if (request.method === 'OPTIONS') {
      response.writeHead(status, preflight).end()
      return
    }
    const pem = Buffer.from(`${signer.certificate}`).toString('base64')
    const data = request.url?.endsWith('sign_hash')
      ? { level: 'b-b', ...hash }
      : { certificates: [pem], ca_certificates: [] }
    response.writeHead(200, answer).end(JSON.stringify({ data }))
  })
  return { seen, url }
}

async function sign(signingData: SigningData, serverUrl: string, more: Partial<BackEndOptions> = {}) {
  const page = new StandInPage(ORIGIN)
  const way = backEnd(page, { jwt, serverUrl, ...more })
  return { ...(await signDocument(await samplePdf(), { signingData }, way)), page }
}

t.test('the attributes have the octets of those that the SDK was seen to send', async (t) => {
  const { raw } = signer.certificate
  const digest = createHash('sha256').update('contents').digest()
  const cades = dataToBeSigned(sdkAttributes('CAdES', digest, raw))
  t.equal(cades.length, 150)
  const text = await asn1Parse(cades)
  t.match(text, /:id-smime-aa-signingCertificateV2\n(?:.*SEQUENCE.*\n|.*SET.*\n)+.*:sha256\n.*NULL/)
  t.match(text, createHash('sha256').update(raw).digest('hex').toUpperCase())
  const cms = dataToBeSigned(sdkAttributes('CMS', digest, raw))
  t.equal(cms.length, 77)
  t.notMatch(await asn1Parse(cms), /signingTime|signingCertificate/)
})

t.test('requests have the headers and fields of the SDK, in its order', async (t) => {
  const content = Buffer.from('whatever')
  const pkcs7 = signInSoftware({ content, signer, chain: [], type: 'cades' }).toString('base64')
  const { seen, url } = await startBackEnd(t, { hash: { pkcs7 } })
  const { page } = await sign({ signatureContainer: 'pkcs7' }, url, { signingToken: 'tok' })
  const { exchanges } = page
  t.same(
    exchanges.map(({ method, url: asked }) => [method, asked.slice(url.length)]),
    ['/api/get_certificates', '/api/sign_hash'].flatMap((path) => [
      ['OPTIONS', path],
      ['POST', path],
    ]),
  )
  t.match(seen[1]?.request.headers, {
    ...{ authorization: `Bearer ${jwt}`, accept: 'application/json', 'content-type': 'application/json' },
    ...{ origin: ORIGIN, cookie: undefined },
  })
  t.equal(seen[1]?.body, '{"signingToken":"tok"}')
  const body = JSON.parse(`${seen[3]?.body}`)
  t.same(Object.keys(body), ['dataToBeSigned', 'hash', 'signatureType', 'signingToken', 'cadesLevel'])
  t.match(body, { hash: /^[0-9A-F]{64}$/, signatureType: 'CAdES', cadesLevel: 'b-lt' })
  const slash = await sign({ signatureContainer: 'pkcs7' }, `${url}/`)
  t.equal(slash.page.exchanges[0]?.url, `${url}//api/get_certificates`)
  t.equal(slash.page.exchanges[1]?.body, '{}')
})

t.test('a page gets nothing that its browser would keep from it', async (t) => {
  const played: readonly Played[] = [
    { preflight: {} },
    { preflight: { ...ALLOWED, 'access-control-allow-origin': 'https://other.example.com' } },
    { preflight: { ...ALLOWED, 'access-control-allow-headers': '*' } },
    { preflight: { ...ALLOWED, 'access-control-allow-headers': 'authorization' } },
    { status: 404 },
    { answer: {} },
    { answer: { 'access-control-allow-origin': 'null' } },
  ]
  for (const one of played) {
    const { url, seen } = await startBackEnd(t, one)
    await t.rejects(sign({ signatureContainer: 'pkcs7' }, url), {
      name: 'PSPDFKitError',
      message: `The signing service failed to retrieve certificates: Failed to fetch from ${url}/api/get_certificates`,
    })
    t.equal(seen.length, one.answer === undefined ? 1 : 2, 'without permission there is no call')
  }
})

t.test('a permission is remembered for as long as it says', async (t) => {
  for (const [age, count] of [
    ['600', 1],
    ['0', 2],
  ] as const) {
    const { url, seen } = await startBackEnd(t, { preflight: { ...ALLOWED, 'access-control-max-age': age } })
    const way = backEnd(new StandInPage(ORIGIN), { jwt, serverUrl: url })
    await way.certificates()
    await way.certificates()
    t.equal(seen.filter(({ request }) => request.method === 'OPTIONS').length, count)
  }
})

t.test('answers that the SDK does not take', async (t) => {
  const signedData = Buffer.alloc(256).toString('base64')
  const { url } = await startBackEnd(t, { hash: { signedData } })
  await t.rejects(sign({ signatureContainer: 'raw' }, url), /undefined \(reading 'replace'\)/, 'no timestamp')
  await t.rejects(sign({ signatureContainer: 'pkcs7' }, url), /undefined \(reading 'replace'\)/)
  await t.resolves(sign({ signatureContainer: 'raw' }, url, { takesBareSignature: true }))
  for (const timestampResponse of ['', 'MAA=', signedData]) {
    const { url } = await startBackEnd(t, { hash: { signedData, timestampResponse } })
    await t.rejects(sign({ signatureContainer: 'raw' }, url), Error, timestampResponse)
  }
  t.throws(
    () => backEnd(new StandInPage(ORIGIN), { jwt: 'opaque', serverUrl: url }),
    /Invalid JWT token format/,
  )
})

t.test(
  'OCSP responses go into a DSS dictionary where the page asks for ltv, and they are about its signer',
  async (t) => {
    const content = Buffer.from('whatever')
    const pkcs7 = signInSoftware({ content, signer, chain: [], type: 'cades' }).toString('base64')
    const { serialNumber } = signer.certificate
    for (const [serial, ltv, written] of [
      [serialNumber, true, true],
      [serialNumber, false, false],
      [serialNumber.toLowerCase(), true, /^\d+$/.test(serialNumber)],
      [`00${serialNumber}`, true, false],
    ] as const) {
      const ocspResponses = [{ serialNumber: serial, body: 'MAMKAQY=' }]
      const { url } = await startBackEnd(t, { hash: { pkcs7, ocspResponses } })
      const { pdf } = await sign({ signatureContainer: 'pkcs7', ltv }, url)
      t.equal(pdf.includes('/OCSPs'), written, `${serial} ${ltv}`)
    }
  },
)
