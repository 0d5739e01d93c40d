/** Pages of other origins in Chromium, whose own `fetch` asks for permission and decides what the page may read. */
import { join } from 'node:path'
import t from 'tap'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { createJwtKey } from '../support/jwt.ts'
import { verifyCms } from '../support/validators/openssl.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { type BackEndOptions, backEnd } from '../support/web-sdk/back-end.ts'
import { ChromiumPage, serveEmptyPage, startChromium, WITHOUT_CHROMIUM } from '../support/web-sdk/chromium.ts'
import { LEVELS, startWebSdkMaterial } from '../support/web-sdk/material.ts'
import type { Page, PageAnswer, PageRequest } from '../support/web-sdk/page.ts'
import { signDocument } from '../support/web-sdk/sign-document.ts'

t.test('pages in Chromium', { skip: WITHOUT_CHROMIUM }, async (t) => {
  const [origin, strange] = [await serveEmptyPage(t), await serveEmptyPage(t)]
  const material = await startWebSdkMaterial(t, join(t.testdir(), 'material'), {
    origin,
    keys: ['rsa', 'p-256'],
  })
  const { service, anchors, authorities, jwt } = material
  const browser = await startChromium(t)
  const page = await ChromiumPage.open(browser, origin)
  const original = await samplePdf()

  for (const address of ['back end', 'callback'] as const) {
    for (const padesLevel of LEVELS) {
      for (const signatureContainer of ['raw', 'pkcs7'] as const) {
        t.test(`sign by the ${address}: ${signatureContainer} ${padesLevel}`, async (t) => {
          const way =
            address === 'back end'
              ? material.backEnd(page, 'rsa', { takesBareSignature: padesLevel === 'b-b' })
              : material.callback(page, 'rsa', padesLevel)
          const signingData = { signatureContainer, padesLevel, ltv: true }
          const { pdf, container, content, handed } = await signDocument(original, { signingData }, way)
          t.equal(handed.level, padesLevel)
          t.equal(handed.timestampResponse !== undefined, padesLevel !== 'b-b')
          t.equal(handed.ocspResponses.length, padesLevel === 'b-lt' ? 1 : 0)
          const verified = await verifyCms({ cms: container, content, trustAnchors: anchors, cades: true })
          t.ok(verified.valid, verified.message)
          t.match(await pdfsig(pdf), { signatures: [{ valid: true }] })
        })
      }
    }
  }

  t.test('ask for permission before their calls', async (t) => {
    for (const url of ['/api/get_certificates', '/api/sign_hash', '/sign'].map(
      (path) => service.url + path,
    )) {
      const requests = page.requests.filter((one) => one.url === url)
      t.match(
        requests.find(({ method }) => method === 'OPTIONS')?.headers,
        {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        },
        url,
      )
      t.ok(requests.some(({ method }) => method === 'POST'))
    }
  })

  /** Keeps what a page could read of the last answer. */
  function watch(page: Page) {
    const read: (PageAnswer | Error)[] = []
    const post = (url: string, request: PageRequest) =>
      page.post(url, request).then(
        (answer) => {
          read.push(answer)
          return answer
        },
        (error) => {
          read.push(error)
          throw error
        },
      )
    return { read, page: { origin: page.origin, post } }
  }

  /** Has a page sign, which is refused. Returns the error, and what the page could read of the refusal. */
  async function refused(on: Page, options: Partial<BackEndOptions> = {}, changes = (text: string) => text) {
    const { read, page } = watch({
      origin: on.origin,
      post: (url, { headers, body }) => on.post(url, { headers, body: changes(body) }),
    })
    const way = backEnd(page, { jwt: jwt(), serverUrl: service.url, ...options })
    const signingData = { signatureContainer: 'pkcs7' } as const
    const error = await signDocument(original, { signingData }, way).then(
      () => undefined,
      (error: Error) => error,
    )
    return { error, seen: read.at(-1) }
  }

  const BODY = { error: String, message: String, requestId: String }

  for (const [name, made] of [
    ['an expired token', () => jwt({ exp: Math.floor(Date.now() / 1000) - 600 })],
    ['a token of a stranger', () => jwt({}, createJwtKey())],
  ] as const) {
    t.test(`can read why ${name} is refused`, async (t) => {
      const { error, seen } = await refused(page, { jwt: made() })
      const { status, body } = seen as PageAnswer
      t.equal(status, 401)
      t.match(JSON.parse(body), { ...BODY, statusCode: 401, code: 'SIGNING_TOKEN_INVALID' })
      t.equal(error?.message, 'The signing service failed to retrieve certificates: [object Object]')
      const callback = { authorization: `Bearer ${made()}`, accept: 'application/json' }
      const headers = { ...callback, 'content-type': 'application/json' }
      const answer = await page.post(`${service.url}/sign`, {
        headers,
        body: JSON.stringify({ action: 'sign_pkcs7', digest: '00'.repeat(32) }),
      })
      t.equal(answer.status, 401)
      t.match(JSON.parse(answer.body), { ...BODY, code: 'SIGNING_TOKEN_INVALID' })
    })
  }

  t.test('can read why a wrong digest is refused', async (t) => {
    const wrong = (text: string) => text.replace(/"hash":"[0-9A-F]{64}"/, `"hash":"${'0'.repeat(64)}"`)
    const { error, seen } = await refused(page, {}, wrong)
    const { status, body } = seen as PageAnswer
    t.equal(status, 400)
    t.match(JSON.parse(body), { ...BODY, statusCode: 400, code: 'DIGEST_MISMATCH' })
    t.equal(error?.message, `The signing service failed to sign: ${body}`)
  })

  /** Has a page sign with a signer of level b-lt, which is refused. Returns what it could read of the refusal. */
  async function refusedAtBLt(changes = (text: string) => text) {
    const { read, page: watched } = watch({
      origin,
      post: (url, { headers, body }) => page.post(url, { headers, body: changes(body) }),
    })
    const signingData = { signatureContainer: 'pkcs7', padesLevel: 'b-lt' } as const
    await t.rejects(signDocument(original, { signingData }, material.backEnd(watched, 'rsa')))
    return read.at(-1) as PageAnswer
  }

  t.test('can read that attributes name the certificate of another signer', async (t) => {
    const { status, body } = await refusedAtBLt((text) =>
      text.includes('dataToBeSigned') ? text.replace(/("signingToken":"[^,]*?)rsa/, '$1p-256') : text,
    )
    t.equal(status, 400)
    t.match(JSON.parse(body), { ...BODY, code: 'SIGNER_MISMATCH' })
  })

  t.test('can read that there is no timestamp, and so no such level', async (t) => {
    authorities.server.on('/timestamp', () => Buffer.from('out of order'))
    const { status, body } = await refusedAtBLt()
    t.equal(status, 503)
    t.match(JSON.parse(body), { ...BODY, code: 'TIMESTAMP_UNAVAILABLE' })
  })

  t.test('of an origin that is not allowed learn nothing', async (t) => {
    const stranger = await ChromiumPage.open(browser, strange)
    const { error, seen } = await refused(stranger)
    t.match(seen, { name: 'TypeError', message: 'Failed to fetch' })
    t.equal(
      error?.message,
      `The signing service failed to retrieve certificates: Failed to fetch from ${service.url}/api/get_certificates`,
    )
    t.notOk(
      stranger.requests.some(({ method, url }) => method === 'GET' && url.startsWith(service.url)),
      'nothing else is asked for',
    )
    t.match(service.log(), /"code":"ORIGIN_NOT_ALLOWED"/)
    t.match(service.log(), `"origin":"${strange}"`)
  })
})
