import { join } from 'node:path'
import t from 'tap'
import { startAuthorities } from '../support/authorities.ts'
import { SIGNATURE_TIMESTAMP, signatureOf, unsignedValue } from '../support/container-parts.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { signPdf } from '../support/document-engine/sign-pdf.ts'
import { fetchTimestamp } from '../support/document-engine/timestamp.ts'
import { verifyCms, verifyTimestamp } from '../support/validators/openssl.ts'
import { readPdfSignatures } from '../support/validators/pdf-signatures.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { makeFixture } from './fixture.ts'

const { keys, service } = await makeFixture(t)
const authorities = await startAuthorities(join(t.testdirName, 'authorities'))
const { server, timestampUrl } = authorities
t.teardown(() => server.close())
const trustAnchors = authorities.timestampRoot.issued.certificateFile

t.test('a raw container has a timestamp over its signature, where an authority is named', async (t) => {
  const options = { pdf: await samplePdf(), url: service.url, container: 'raw' } as const
  const { pdf, container } = await signPdf({ ...options, tsaUrl: timestampUrl })
  const token = unsignedValue(container, SIGNATURE_TIMESTAMP) as Buffer
  const verification = await verifyTimestamp({ token, data: signatureOf(container), trustAnchors })
  t.ok(verification.valid, verification.message)
  t.match(await pdfsig(pdf), { signatures: [{ valid: true, wholeDocument: true }] })
  const [signature] = readPdfSignatures(pdf)
  const content = signature?.signedBytes as Buffer
  t.match(await verifyCms({ cms: container, content, trustAnchors: keys.rootCertificate }), { valid: true })

  const { container: without } = await signPdf(options)
  t.equal(unsignedValue(without, SIGNATURE_TIMESTAMP), undefined)
})

t.test('an authority that gives none is named, with the reason', async (t) => {
  const fails = (path: string, message: string | RegExp) =>
    t.rejects(fetchTimestamp(`${server.url}${path}`, Buffer.from('data'), 30_000), {
      code: 'NO_TIMESTAMP',
      message,
    })
  await fails('/missing', `There is no timestamp: ${server.url}/missing answered with status 404`)
  for (const [path, hex, message] of [
    // PKIStatus rejection, although something follows, and granted without a token
    ['/rejecting', '300730030201023000', /rejecting grants none, status 2$/],
    ['/empty', '30053003020100', /empty grants none, status 0$/],
    ['/no-status', '30020500', / something else than a TimeStampResp$/],
    ['/no-der', '68656c6c6f', / something else than a TimeStampResp$/],
  ] as const) {
    server.on(path, () => Buffer.from(hex, 'hex'))
    await fails(path, message)
  }
  server.on('/silent', () => undefined)
  await t.rejects(fetchTimestamp(`${server.url}/silent`, Buffer.from('data'), 100), { code: 'NO_TIMESTAMP' })
  await server.close()
  await fails('/timestamp', /timestamp cannot be reached: connect ECONNREFUSED/)
})
