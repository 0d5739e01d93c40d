/** Certificates whose keys are for RSASSA-PSS alone, with and without parameters (RFC 4055 3.1). */

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import t from 'tap'
import { HASH_ALGORITHMS, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { HttpClient } from '../../src/common/http-client.ts'
import { loadConfiguration } from '../../src/configuration/load.ts'
import type { SignerConfiguration } from '../../src/configuration/signer-configuration.ts'
import { RevocationService } from '../../src/revocation/revocation-service.ts'
import { Signer } from '../../src/signers/signer.ts'
import { issue, rsaPss, writePlainRsaKey } from '../support/certificates.ts'
import { runCheck } from '../support/check.ts'
import { runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { checkRefusal } from '../support/refusal.ts'
import { scrape } from '../support/scrape.ts'
import { startServerProcess } from '../support/server-process.ts'
import { startReadyService, startService } from '../support/service.ts'
import { createSignersFolder, tokenFor } from '../support/signers.ts'
import { until } from '../support/signing.ts'
import { importKey } from '../support/token.ts'
import { printCms, verifyCms } from '../support/validators/openssl.ts'

const CONTENT = Buffer.from('a document that a restricted key signs')
const HASHES = ['sha256', 'sha384', 'sha512'] as const
/** Hash and salt of the certificate's parameters, by signer; none where it has no parameters. */
const SIGNERS = {
  'sha512-64': ['sha512', 64],
  'sha256-32': ['sha256', 32],
  'sha256-20': ['sha256', 20],
  'sha384-60': ['sha384', 60],
  free: [],
} satisfies Record<string, [] | [hash: string, saltLength: number]>
type Name = keyof typeof SIGNERS
const NAMES = Object.keys(SIGNERS) as Name[]

const folder = await createSignersFolder(t.testdir())
/** PEM files of the keys, without the restriction, by signer. */
const keyFiles = new Map<Name, string>()
for (const name of NAMES) {
  const [hash, saltLength] = restrictionOf(name)
  const key = rsaPss(hash, saltLength)
  const issued = issue(folder.path('ca'), { subject: `/O=Test/CN=${name}`, issuer: folder.issuing, key })
  folder.put(`${name}.pem`, readFileSync(issued.certificateFile, 'utf8'))
  const keyFile = writePlainRsaKey(issued)
  keyFiles.set(name, keyFile)
  await importKey(folder.token, keyFile, { label: name, id: idOf(name) })
}

function restrictionOf(name: Name): [hash?: string, saltLength?: number] {
  return SIGNERS[name]
}

function idOf(name: string): string {
  return Buffer.from(name).toString('hex')
}

function single(name: Name): Record<string, string> {
  const { SIGNERS_FILE: _, ...environment } = folder.environment
  return {
    ...environment,
    HSM_KEY_LABEL: name,
    SIGNER_CERTIFICATE_FILE: folder.path(`${name}.pem`),
    CA_CERTIFICATES_FILE: folder.path('ca.pem'),
  }
}

function container(hash: string | undefined, signer?: string) {
  return {
    ...{ action: 'sign_pkcs7', encoded_contents: CONTENT.toString('base64'), hash_algorithm: hash },
    ...(signer === undefined ? {} : { signing_token: tokenFor(signer) }),
  }
}

t.test('containers have the parameters of the certificate, and other hashes are refused', async (t) => {
  folder.write(NAMES)
  const service = await startReadyService(t, folder.environment)
  for (const name of NAMES) {
    const [only, salt] = restrictionOf(name)
    for (const hash of HASHES) {
      const answer = await service.sign(container(hash, name))
      if (only !== undefined && hash !== only) {
        checkRefusal(t, answer, {
          statusCode: 400,
          code: 'UNSUPPORTED_HASH_ALGORITHM',
          message: `hash_algorithm: must be one of ${only}`,
        })
        continue
      }
      t.equal(answer.statusCode, 200, `${name} ${hash}`)
      const verification = await verifyCms({
        ...{ cms: answer.body, content: CONTENT, trustAnchors: folder.root.certificateFile },
        cades: true,
      })
      t.ok(verification.valid, `${name} ${hash} ${verification.message}`)
      const printed = await printCms(answer.body)
      const told = printed.slice(
        printed.lastIndexOf('signatureAlgorithm:'),
        printed.lastIndexOf('signature:'),
      )
      t.match(told, new RegExp(`rsassaPss[^]*${hash}[^]*mgf1[^]*${hash}`, 'i'))
      // The default of 20 is left out (RFC 4055 3.1)
      const [, hex = '14'] = /INTEGER +:(\w+)/.exec(told) ?? []
      t.equal(Number.parseInt(hex, 16), salt ?? Number(hash.slice(3)) / 8, `salt of ${name} ${hash}`)
    }
  }
  checkRefusal(t, await service.sign(container(undefined, 'sha512-64')), {
    statusCode: 400,
    code: 'UNSUPPORTED_HASH_ALGORITHM',
    message: 'hash_algorithm: must be one of sha512',
  })
  const { samples } = await scrape(service.url)
  const counted = (name: string) =>
    [...samples].filter(([key]) => key.startsWith(name)).map(([, value]) => value)
  t.strictSame(counted('signing_service_hsm_session_evictions_total').filter(Boolean), [])
  t.match(
    service.log(),
    /"signer":"sha512-64".*the signer certificate allows signatures with sha512 alone, by its RSASSA-PSS parameters: requests for sha256, sha384 are refused/,
  )
})

t.test('one such signer, whose test signatures have another hash than others, is ready', async (t) => {
  const service = await startReadyService(t, single('sha512-64'))
  t.equal((await service.sign(container('sha512'))).statusCode, 200)
})

t.test('a configuration without the hash of the certificate', async (t) => {
  const none =
    '[0-9a,sh]+ has none that the signer certificate allows: .* signs with sha512 alone; add that one'
  const environment = { ...single('sha512-64'), HASH_ALGORITHMS: 'sha256,sha384' }
  const problemIn = (place: string) => ({ message: new RegExp(`${place}: ${none}`) })
  t.throws(() => loadConfiguration(environment), problemIn('HASH_ALGORITHMS'))
  folder.write({ 'sha512-64': folder.entry('sha512-64', { hashAlgorithms: ['sha256'] }) })
  t.throws(() => loadConfiguration(folder.environment), problemIn('/signers/sha512-64/hashAlgorithms'))
  t.throws(() => loadConfiguration({ ...environment, HASH_ALGORITHMS: ',' }), { message: /names none/ })
  const server = startServerProcess(t, environment)
  t.equal((await server.exited).code, 78)
})

t.test('the check signs with the hashes that the certificate allows', async (t) => {
  const { exitCode, steps } = await runCheck(single('sha512-64'))
  t.equal(exitCode, 0)
  t.match(steps['test signature'], {
    found: '50 of 50 verify with the certificate: rsassa-pss with sha512',
  })
  t.match(steps.chain, { found: /; the signer certificate allows signatures with sha512 alone, by its/ })
})

t.test('a certificate on the token restricts its key as well', async (t) => {
  const onToken = { ...single('sha256-20'), SIGNER_CERTIFICATE_FILE: '' }
  const wrong = { ...onToken, HASH_ALGORITHMS: 'sha512' }
  const imported = await runCommand(single('sha256-20'), 'import-cert', folder.path('sha256-20.pem'))
  t.match(imported, { exitCode: 0 })
  const good = await runCheck(onToken)
  t.equal(good.exitCode, 0)
  t.match(good.steps['test signature'], { found: /^50 of 50 verify .* rsassa-pss with sha256$/ })
  const notBefore = new Date(Date.now() - 60_000)
  const keyFile = keyFiles.get('sha256-20') as string
  const { certificateFile } = issue(folder.path('ca'), { subject: '/CN=self-signed', keyFile, notBefore })
  const another = await runCommand(
    onToken,
    'import-cert',
    certificateFile,
    '--label',
    'self-signed',
    '--json',
  )
  t.match(JSON.parse(another.stdout), { created: true, used: false })
  const chosen = await runCheck(onToken)
  t.equal(chosen.exitCode, 0)
  t.match(chosen.steps['test signature'], { found: /^50 of 50 verify .* rsassa-pss with sha256$/ })
  const { fingerprint256 } = new X509Certificate(readFileSync(certificateFile))
  const deletion = ['--fingerprint', fingerprint256.replaceAll(':', ''), '--confirm', 'self-signed']
  t.match(await runCommand(onToken, 'delete-cert', ...deletion), { exitCode: 0 })
  const bad = await runCheck(wrong)
  t.equal(bad.exitCode, 1)
  const none = /^HASH_ALGORITHMS: sha512 has none that the signer certificate allows/
  t.match(bad.steps, {
    certificate: { status: 'failed', found: none },
    'test signature': { status: 'skipped' },
  })
  const service = await startService(t, wrong)
  await until('the token was read', () => service.misconfigured.length > 0)
  t.match(service.misconfigured[0]?.message, none)
})

t.test('where the token tells nothing of the key, test signatures do', async (t) => {
  const module = await createFaultyModule(folder.directory, single('sha512-64'))
  module.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
  const service = await startReadyService(t, module.environment)
  t.equal((await service.sign(container('sha512'))).statusCode, 200)
})

t.test('a request that was let through before the certificate was known is not signed either', async (t) => {
  const [configuration] = loadConfiguration(single('sha512-64')).signers.signers
  const pool = {
    sign: async () => t.fail('nothing may be signed') as never,
    test: async () => {},
    keyStatus: () => t.fail('nobody asks for it') as never,
    foundKey: () => undefined,
  }
  const revocations = new RevocationService({
    ...{ log: pino({ level: 'silent' }), observer: { asked: () => {} }, client: new HttpClient() },
  })
  const signer = new Signer(configuration as SignerConfiguration, pool, 0, { revocations })
  const [, , sha256] = HASH_ALGORITHMS as [HashAlgorithm, HashAlgorithm, HashAlgorithm]
  const signed = { digest: Buffer.alloc(32), message: CONTENT }
  await t.rejects(signer.sign(signer.certificate(), sha256, signed, { deadline: performance.now() + 1000 }), {
    code: 'UNSUPPORTED_HASH_ALGORITHM',
    message: 'hash_algorithm: must be one of sha512',
  })
})
