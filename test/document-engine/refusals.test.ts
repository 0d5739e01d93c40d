import { readFile } from 'node:fs/promises'
import { PDFDocument } from 'pdf-lib'
import t from 'tap'
import { addDssDictionary } from '../support/document-engine/dss-dictionary.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { signPdf } from '../support/document-engine/sign-pdf.ts'
import type { Responder } from './callback-stand-in.ts'
import { makeFixture } from './fixture.ts'

const { keys, service, serve } = await makeFixture(t)
const pdf = await samplePdf()

const answer =
  (status: number, body: string | Uint8Array): Responder =>
  (_request, response) => {
    response.writeHead(status).end(body)
  }

t.test('a refusal is told with its status, code and message', async (t) => {
  const body = JSON.stringify({
    statusCode: 400,
    code: 'UNSUPPORTED_HASH_ALGORITHM',
    message: 'sha160 is off',
  })
  const { url } = await serve(answer(400, body))
  await t.rejects(signPdf({ pdf, url, type: 'cms' }), {
    code: 'SERVICE_REFUSED',
    message: 'The signing service refused sign_pkcs7: 400 UNSUPPORTED_HASH_ALGORITHM sha160 is off',
    refusal: { status: 400, code: 'UNSUPPORTED_HASH_ALGORITHM', message: 'sha160 is off' },
  })
})

t.test('a refusal in plain text is told as it is', async (t) => {
  const { url } = await serve(answer(502, 'Bad Gateway'))
  await t.rejects(signPdf({ pdf, url }), {
    message: 'The signing service refused get_certificates: 502 Bad Gateway',
    refusal: { status: 502, code: undefined, message: 'Bad Gateway' },
  })
})

t.test('a refusal in other JSON is told as it is', async (t) => {
  const { url } = await serve(answer(500, '{"error":1}'))
  await t.rejects(signPdf({ pdf, url }), {
    message: 'The signing service refused get_certificates: 500 {"error":1}',
  })
})

t.test('a service that does not answer in time fails the signing', async (t) => {
  const { url } = await serve(() => undefined)
  await t.rejects(signPdf({ pdf, url, timeoutMs: 100 }), {
    code: 'SERVICE_TIMEOUT',
    message: `The signing service at ${url} did not answer within 100 ms`,
  })
})

t.test('an answer that never ends fails the signing, and is not kept', async (t) => {
  const { url } = await serve((_request, response) => {
    const piece = Buffer.alloc(1_000_000)
    const write = () => {
      while (!response.destroyed && response.write(piece)) {}
      response.once('drain', write)
    }
    write()
  })
  await t.rejects(signPdf({ pdf, url, timeoutMs: 60_000 }), {
    code: 'SERVICE_UNREACHABLE',
    message: /cannot be reached: it sends more than 50000000 bytes/,
  })
})

t.test('the time limit holds for the body as well', async (t) => {
  const { url } = await serve((_request, response) => {
    response.writeHead(200).write('{')
  })
  await t.rejects(signPdf({ pdf, url, timeoutMs: 100 }), { code: 'SERVICE_TIMEOUT' })
})

t.test('a service that is not there is named', async (t) => {
  const gone = await serve(() => undefined)
  await gone.close()
  await t.rejects(signPdf({ pdf, url: gone.url }), {
    code: 'SERVICE_UNREACHABLE',
    message: new RegExp(`^The signing service at ${gone.url} cannot be reached: .*ECONNREFUSED`),
  })
})

t.test('https is spoken to an https address', async (t) => {
  const url = service.url.replace('http:', 'https:')
  await t.rejects(signPdf({ pdf, url }), { code: 'SERVICE_UNREACHABLE' })
})

t.test('answers that are no certificates or no container are not embedded', async (t) => {
  const invalid = { code: 'INVALID_ANSWER' }
  const base64 = Buffer.from('no PEM').toString('base64')
  for (const body of ['', 'no JSON', '{}', '{"certificates":[]}', `{"certificates":["${base64}"]}`]) {
    const { url } = await serve(answer(200, body))
    await t.rejects(signPdf({ pdf, url, container: 'raw' }), invalid, `get_certificates: ${body}`)
  }
  for (const body of ['', 'MIIB', Buffer.from([0x30, 0x03, 0x02, 0x01, 0x01, 0x00])]) {
    const { url } = await serve(answer(200, body))
    await t.rejects(signPdf({ pdf, url, type: 'cms' }), invalid, `sign_pkcs7: ${body}`)
  }
})

t.test('an empty signature is not embedded', async (t) => {
  const leaf = (await readFile(keys.leafCertificate)).toString('base64')
  const { url } = await serve((body, response) => {
    response.end(body.action === 'sign' ? '' : JSON.stringify({ certificates: [leaf] }))
  })
  await t.rejects(signPdf({ pdf, url, container: 'raw' }), {
    code: 'INVALID_ANSWER',
    message: 'The signing service answered sign with an empty body',
  })
})

t.test('a container that does not fit is refused with both sizes', async (t) => {
  await t.rejects(signPdf({ pdf, url: service.url, estimatedSize: 1000 }), {
    code: 'CONTAINER_TOO_LARGE',
    message: /^The signature container has [1-9]\d{3} bytes, but 1000 are reserved for it$/,
  })
})

t.test('a container that fits exactly is embedded', async (t) => {
  const { container } = await signPdf({ pdf, url: service.url, type: 'cms' })
  const { pdf: signed } = await signPdf({
    pdf,
    url: service.url,
    type: 'cms',
    estimatedSize: container.length,
  })
  t.ok(signed.length > pdf.length)
  const estimatedSize = container.length - 1
  await t.rejects(signPdf({ pdf, url: service.url, type: 'cms', estimatedSize }), {
    code: 'CONTAINER_TOO_LARGE',
  })
})

t.test('what is not a PDF is not sent to the service', async (t) => {
  service.requests.length = 0
  const notPdf = { code: 'NOT_A_PDF' }
  await t.rejects(signPdf({ pdf: Buffer.from('hello'), url: service.url }), {
    ...notPdf,
    message: 'This is not a PDF: it does not begin with %PDF-',
  })
  await t.rejects(signPdf({ pdf: Buffer.alloc(0), url: service.url }), notPdf)
  await t.rejects(signPdf({ pdf: Buffer.from('%PDF-1.7\nhello'), url: service.url }), notPdf)
  await t.rejects(signPdf({ pdf: pdf.subarray(0, 400), url: service.url }), notPdf)
  await t.rejects(signPdf({ pdf: Buffer.concat([Buffer.from('\uFEFF'), pdf]), url: service.url }), {
    ...notPdf,
    message: 'This PDF has 3 bytes before its header, %PDF-: remove them before signing',
  })
  t.equal(service.requests.length, 0)
})

t.test('an encrypted PDF is named as such', async (t) => {
  const doc = await PDFDocument.load(pdf)
  doc.encrypt({ userPassword: 'user', ownerPassword: 'owner' })
  await t.rejects(signPdf({ pdf: await doc.save(), url: service.url }), {
    code: 'ENCRYPTED_PDF',
    message: 'This PDF is encrypted; decrypt it before signing',
  })
})

t.test('a PDF of which a signature allows no other is refused', async (t) => {
  const source = Buffer.from(pdf).toString('latin1')
  const signed = (place: string, method: string, parameters: string) => {
    const reference = `<< /TransformMethod /${method} /TransformParams << ${parameters} >> >>`
    const signature = `<< /Type /Sig /Reference [ ${reference} ] >>`
    const entry = place === 'Perms' ? `/Perms << /DocMDP ${signature} >>` : formWith(place, signature)
    return Buffer.from(source.replace('/Type /Catalog', `/Type /Catalog ${entry}`), 'latin1')
  }
  const formWith = (place: string, signature: string) => {
    const field = `<< /FT /Sig /T (Old) /V ${signature} >>`
    const fields = place === 'Kid' ? `<< /T (Form) /Kids [ ${field} ] >>` : field
    return `/AcroForm << /Fields [ ${fields} ] /SigFlags 3 >>`
  }
  for (const [place, method, parameters, code] of [
    ['Perms', 'DocMDP', '/P 1', 'LOCKED_PDF'],
    ['Field', 'DocMDP', '/P 1', 'LOCKED_PDF'],
    ['Field', 'FieldMDP', '/Action /All', 'LOCKED_PDF'],
    ['Kid', 'FieldMDP', '/Action /All', 'LOCKED_PDF'],
    ['Perms', 'DocMDP', '/P 2', 'SERVICE_REFUSED'],
    ['Perms', 'DocMDP', '', 'SERVICE_REFUSED'],
    ['Field', 'FieldMDP', '/Action /Include /Fields [ (Old) ]', 'SERVICE_REFUSED'],
  ] as const) {
    const { url } = await serve(answer(500, 'reached'))
    await t.rejects(
      signPdf({ pdf: signed(place, method, parameters), url }),
      { code },
      `${method} ${parameters}`,
    )
  }
})

t.test('a PDF whose objects are of other types than they have to be is refused', async (t) => {
  const source = Buffer.from(pdf).toString('latin1')
  const addToCatalog = (entry: string) =>
    Buffer.from(source.replace('/Type /Catalog', `/Type /Catalog ${entry}`), 'latin1')
  for (const entry of [
    '/AcroForm 5',
    '/AcroForm << /Fields 5 >>',
    '/AcroForm << /Fields [] /SigFlags (x) >>',
  ]) {
    await t.rejects(signPdf({ pdf: addToCatalog(entry), url: service.url }), {
      code: 'NOT_A_PDF',
      message: /^This PDF cannot be changed: Expected instance of/,
    })
  }
  const nothing = { certificates: [], ocspResponses: [], crls: [] }
  await t.rejects(addDssDictionary(addToCatalog('/DSS << /Certs [ 1 ] >>'), nothing), { code: 'NOT_A_PDF' })
})
