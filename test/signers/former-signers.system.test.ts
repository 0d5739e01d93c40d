/** Document Engine asks for the certificates first, and has signed what it made of them in another request. */
import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { attributesNaming } from '../support/attributes-to-sign.ts'
import { afterReload } from '../support/reload.ts'
import { type Service, startReadyService } from '../support/service.ts'
import { createSignersFolder, tokenFor } from '../support/signers.ts'
import { until } from '../support/signing.ts'
import { verifySignature } from '../support/validators/openssl.ts'

const folder = await createSignersFolder(t.testdir())
await folder.addKey('house', 'rsa')
await folder.addKey('house-2')
await folder.addKey('contracts')
const entries = (house: string) => ({
  house: folder.entry(house, { raw: true }),
  contracts: folder.entry('contracts', { raw: true }),
})
const environment = { ...folder.environment, SIGNERS_RELOAD_INTERVAL_MS: '0' }

async function askForLeaf(service: Service, signer?: string): Promise<X509Certificate> {
  const token = signer === undefined ? {} : { signing_token: tokenFor(signer) }
  const answer = await service.sign({ action: 'get_certificates', ...token })
  const { certificates } = answer.json() as { certificates: [string] }
  return new X509Certificate(Buffer.from(certificates[0], 'base64'))
}

function sign(service: Service, signer: string, data: Buffer) {
  return service.sign({
    ...{ action: 'sign', signature_type: 'cades', hash_algorithm: 'sha256' },
    data_to_be_signed: data.toString('base64'),
    signing_token: tokenFor(signer),
  })
}

async function verifies(certificate: X509Certificate, data: Buffer, signature: Buffer): Promise<boolean> {
  const { valid } = await verifySignature({
    ...{ certificate: Buffer.from(certificate.toString()), hash: 'sha256', data, signature },
  })
  return valid
}

t.test('the key changes between the two requests: the signature is one with the certificate', async (t) => {
  folder.write(entries('house'))
  const service = await startReadyService(t, environment)
  const before = await askForLeaf(service, 'house')
  folder.write({ ...entries('house-2'), seal: folder.entry('contracts', { raw: true }) })
  t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
  const after = await askForLeaf(service, 'house')
  t.not(after.serialNumber, before.serialNumber)
  for (const [certificate, hash] of [
    [before, 'sha256'],
    [before, 'sha512'],
    [after, 'sha384'],
    [after, 'sha1'],
  ] as const) {
    const data = attributesNaming(certificate.raw, hash)
    const { statusCode, body } = await sign(service, 'house', data)
    t.equal(statusCode, 200)
    t.ok(await verifies(certificate, data, body), hash)
  }
  const opaque = Buffer.from('what names no certificate')
  t.equal((await sign(service, 'seal', opaque)).statusCode, 200, 'of one that was not there before')
  t.ok(await verifies(after, opaque, (await sign(service, 'house', opaque)).body), 'the one of now')
})

t.test('so does a hash algorithm that only the former signer has', async (t) => {
  const allowing = (hashAlgorithms: string[], house: string) => ({
    house: folder.entry(house, { raw: true, hashAlgorithms }),
  })
  folder.write(allowing(['sha256'], 'house'))
  const service = await startReadyService(t, environment)
  const before = await askForLeaf(service, 'house')
  folder.write(allowing(['sha512'], 'house-2'))
  t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
  const data = attributesNaming(before.raw)
  const { statusCode, body } = await sign(service, 'house', data)
  t.equal(statusCode, 200)
  t.ok(await verifies(before, data, body))
  const opaque = await sign(service, 'house', Buffer.from('what names no certificate'))
  t.match(opaque.json(), { code: 'UNSUPPORTED_HASH_ALGORITHM' }, 'of the one of now')
})

t.test('ten seconds later the former key signs nothing, however long requests may wait', async (t) => {
  folder.write(entries('house'))
  const service = await startReadyService(t, { ...environment, HSM_TIMEOUT_MS: '120000' })
  const before = await askForLeaf(service, 'house')
  const data = attributesNaming(before.raw)
  folder.write(entries('house-2'))
  t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
  t.equal((await sign(service, 'house', data)).statusCode, 200)
  await until('it is refused', async () => (await sign(service, 'house', data)).statusCode === 400)
  t.match((await sign(service, 'house', data)).json(), { code: 'SIGNER_MISMATCH' })
})

t.test('the two requests name different signers: nothing is signed', async (t) => {
  folder.write(entries('house'))
  const service = await startReadyService(t, environment)
  const data = attributesNaming((await askForLeaf(service)).raw)
  const answer = await sign(service, 'contracts', data)
  t.equal(answer.statusCode, 400)
  t.match(answer.json(), { code: 'SIGNER_MISMATCH', message: /^data_to_be_signed: / })
  const long = Buffer.concat([data, Buffer.alloc(65_536)])
  t.match((await sign(service, 'contracts', long)).json(), { code: 'INVALID_REQUEST' })
  t.equal((await sign(service, 'house', long)).statusCode, 200, 'what is so long is no signed attributes')
})

t.test('one takeover after another: nobody is warned of what all of them leave for a while', async (t) => {
  folder.write(entries('house'))
  const service = await startReadyService(t, environment)
  const warnings: Error[] = []
  const note = (warning: Error) => warnings.push(warning)
  process.on('warning', note)
  t.teardown(() => process.off('warning', note))
  for (let round = 0; round < 12; round++) {
    t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
  }
  t.strictSame(warnings, [])
})
