/** Who is answered with the page, who as a probe, and what a browser may do with it. */
import t from 'tap'
import { Readiness } from '../../src/signers/readiness.ts'
import { send } from '../support/http.ts'
import { startReadyService } from '../support/service.ts'
import { rawRequest } from '../support/signing.ts'
import { sendManyRaw } from '../support/socket.ts'
import { createSigningToken, PIN } from '../support/token.ts'

const directory = t.testdir()
const { environment } = await createSigningToken(directory)
const service = await startReadyService(t, environment)
const { url } = service

/** What Chromium and Firefox send. */
const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8' }
const FOR_PROBES = { status: 'ok', service: 'signing-service' }

t.test('probes are answered in JSON, whatever they accept but HTML', async (t) => {
  for (const accept of [
    '',
    '*/*',
    'application/json',
    'application/json, text/html',
    'text/plain',
    'text/*;q=0, */*',
  ]) {
    const answer = await send(url, { headers: accept === '' ? {} : { accept } })
    t.equal(answer.statusCode, 200, accept)
    t.same(answer.json(), FOR_PROBES, accept)
    t.match(answer.headers, { 'content-type': /^application\/json/, vary: 'accept' })
  }
  for (const headers of [{}, BROWSER]) {
    t.equal((await send(url, { method: 'HEAD', headers })).statusCode, 200)
  }
})

t.test('an Accept of more than 1024 characters is refused, which would take long to read', async (t) => {
  const most = `text/html${',a/b;q=0'.repeat(126)}`.padEnd(1024)
  for (const [accept, statusCode] of [
    [`${most.slice(0, -1)},`, 200],
    [`${most},`, 431],
    ['a/b;q=0,'.repeat(1000), 431],
  ] as const) {
    const answer = await send(url, { headers: { accept } })
    t.equal(answer.statusCode, statusCode, `${accept.length} characters`)
    t.match(
      answer.body.toString(),
      statusCode === 200 ? '<h1' : 'Accept or the query has more than 1024 characters',
    )
  }
})

t.test('browsers are shown the page, which no other one may frame, and nobody keeps', async (t) => {
  t.equal((await service.sign(rawRequest('a document'))).statusCode, 200)
  const { headers, body } = await send(url, { headers: BROWSER })
  t.match(headers, {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    vary: 'accept',
  })
  const policy = `${headers['content-security-policy']}`
  t.match(policy, "default-src 'none'; ")
  t.match(policy, "frame-ancestors 'none'")
  t.notMatch(policy, /unsafe|\*|https?:/)
  const text = body.toString()
  t.match(text, '<html lang="en">')
  t.notMatch(text, / (?:style|on[a-z]+)=/, 'the policy would let none of these pass')
  t.notMatch(text, /(?:href|src)="(?!#|data:,)/, 'it names no other address')
  for (const secret of [PIN, directory, 'a document', '127.0.0.1', `${environment.HSM_MODULE}`]) {
    t.notMatch(text, secret)
  }
})

t.test('however many ask, one page is made in a second', async (t) => {
  const checks = t.capture(Readiness.prototype, 'check', Readiness.prototype.check)
  const request = `GET / HTTP/1.1\r\nHost: x\r\nAccept: ${BROWSER.accept}\r\n`
  const answers = await sendManyRaw(url, request, 25)
  t.equal(answers.match(/<h1/g)?.length, 200)
  // The service checks by itself once a second, too
  const { length } = checks()
  t.ok(length < 50, `looked ${length} times`)
})
