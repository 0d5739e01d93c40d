import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { type Issued, issue, RSA_2048, writeBundle } from '../support/certificates.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { checkRefusal } from '../support/refusal.ts'
import { type Service, startReadyService, startService } from '../support/service.ts'
import { createToken, importCertificate, importKey } from '../support/token.ts'

const PAST = new Date('2020-01-01T00:00:00Z')
const EXPIRED = new Date('2021-02-03T04:05:06Z')
const FUTURE = new Date('2099-02-03T04:05:06Z')
const RAW = { action: 'sign', data_to_be_signed: 'AAAA', signature_type: 'cades' }
const CONTAINER = { action: 'sign_pkcs7', encoded_contents: 'AAAA', signature_type: 'cms' }

const directory = t.testdir()
const root = issue(directory, { subject: '/O=Test/CN=Root', ca: true })
/** Without such an address there would be a warning of each certificate. */
const extension = 'crlDistributionPoints = URI:http://crl.example/list'
const issuing = issue(directory, { subject: '/O=Test/CN=Issuing CA', ca: true, issuer: root, extension })
const leaf = issue(directory, { subject: '/O=Test/CN=Signer', issuer: issuing, key: RSA_2048, extension })
const other = issue(directory, { subject: '/O=Test/CN=Other', issuer: issuing, key: RSA_2048 })
const weakKey = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024']
const weak = issue(directory, { subject: '/O=Test/CN=Weak', issuer: issuing, key: weakKey })

const token = await createToken(join(directory, 'token'))
await importKey(token, leaf.keyFile, { label: 'signer', id: '01' })
await importKey(token, weak.keyFile, { label: 'weak', id: '02' })

/** What the service needs to sign with a certificate and the key `signer`. */
function environment(signer: Issued, ...issuers: Issued[]): Record<string, string> {
  const certificates = issuers.map(({ certificate }) => certificate)
  return {
    ...token.environment,
    ...{ HSM_KEY_LABEL: 'signer', HSM_SESSIONS: '1', SIGNER_CERTIFICATE_FILE: signer.certificateFile },
    ...(issuers.length > 0 && {
      CA_CERTIFICATES_FILE: writeBundle(
        join(directory, `${signer.certificate.serialNumber}.pem`),
        certificates,
      ),
    }),
  }
}

t.test('certificates outside their validity', async (t) => {
  t.jobs = 3
  for (const [name, options, message] of [
    [
      'an expired signer certificate',
      environment(reissue(leaf, issuing, { notBefore: PAST, notAfter: EXPIRED }), issuing, root),
      'The certificate of O=Test, CN=Signer expired at 2021-02-03T04:05:06.000Z; renew it',
    ],
    [
      'a signer certificate that is not valid yet',
      environment(
        reissue(leaf, issuing, { notBefore: FUTURE, notAfter: new Date('2100-01-01') }),
        issuing,
        root,
      ),
      'The certificate of O=Test, CN=Signer is not valid before 2099-02-03T04:05:06.000Z; check the clock, or wait',
    ],
    [
      'an expired intermediate',
      environment(leaf, reissue(issuing, root, { ca: true, notBefore: PAST, notAfter: EXPIRED }), root),
      'The certificate of O=Test, CN=Issuing CA expired at 2021-02-03T04:05:06.000Z; renew it',
    ],
  ] as const) {
    t.test(name, { buffered: true }, async (t) => {
      const service = await startService(t, options)
      // Those whom the certificates name are asked meanwhile, and are not there
      const told = warnings(service).filter((warning) => !/^No revocation information/.test(warning))
      t.strictSame(told, [`${message}. Nothing is signed at present`], 'is warned about')
      for (const body of [RAW, CONTAINER]) {
        const answer = await service.sign(body)
        checkRefusal(t, answer, { statusCode: 500, code: 'CERTIFICATE_NOT_VALID', message })
      }
      const { statusCode, json } = await service.sign({ action: 'get_certificates' })
      t.equal(statusCode, 200, 'certificates are answered all the same')
      t.match(json(), { certificates: [String], ca_certificates: [String, String] })
    })
  }
})

t.test('a gap in the chain is warned about, and signed with', async (t) => {
  const service = await startReadyService(t, environment(leaf, root))
  t.match(warnings(service), [
    /^the chain is incomplete: missing is the certificate of O=Test, CN=Issuing CA, which issued that of/,
  ])
  t.equal(warnings(service).length, 1)
  const signature = await service.sign(RAW)
  t.equal(signature.statusCode, 200)
  t.equal(signature.body.length, 256)
  const { json } = await service.sign({ action: 'get_certificates' })
  t.match(json(), { certificates: [encode(leaf)] })
  t.strictSame(json().ca_certificates, [])
})

t.test('a certificate of another key stops the start, with the fingerprints of openssl', async (t) => {
  const service = await startService(t, environment(other, issuing, root))
  const [error] = await misconfiguration(service)
  t.match(error?.problems, [
    {
      variable: 'SIGNER_CERTIFICATE_FILE',
      message:
        `is not the certificate of the private key: the certificate's public key has the SHA-256 fingerprint ` +
        `${fingerprint(other)}, the private key's ${fingerprint(leaf)}; configure the certificate that was issued ` +
        `for this key, or choose the key with HSM_KEY_LABEL`,
    },
  ])
  checkRefusal(t, await service.sign(RAW), {
    ...{ statusCode: 503, code: 'HSM_UNAVAILABLE', message: /health/ },
  })
})

t.test('the certificate on the token', async (t) => {
  await importCertificate(token, leaf.certificateFile, { label: 'signer', id: '01' })
  await importCertificate(token, weak.certificateFile, { label: 'weak', id: '02' })
  const { SIGNER_CERTIFICATE_FILE: _, ...withoutFile } = environment(leaf, root, issuing)

  t.test('is found, and completed by the bundle', async (t) => {
    // The address in the certificates is nobody's
    const service = await startService(t, { ...withoutFile, REVOCATION_CHECK: 'off' })
    const early = [{ action: 'get_certificates' }, CONTAINER].map((body) => service.sign(body))
    for (const answer of await Promise.all(early)) {
      checkRefusal(t, answer, { statusCode: 503, code: 'HSM_UNAVAILABLE', message: /health/ })
    }
    await service.ready()
    t.strictSame((await service.sign({ action: 'get_certificates' })).json(), {
      certificates: [encode(leaf)],
      ca_certificates: [encode(issuing), encode(root)],
    })
    t.equal((await service.sign(CONTAINER)).statusCode, 200)
    t.strictSame(warnings(service), [])
  })

  t.test('stops the start when its key cannot sign here', async (t) => {
    const service = await startService(t, { ...withoutFile, HSM_KEY_LABEL: 'weak' })
    const [error] = await misconfiguration(service)
    t.match(error?.problems, [
      {
        variable: 'SIGNER_CERTIFICATE_FILE',
        message:
          'on the token: the signer certificate must have a key that is RSA with 2048 to 4096 bits, or EC on P-256, P-384 or P-521; this one has RSA with 1024 bits',
        token: { token: 'test', signers: ['default'] },
      },
    ])
  })
})

t.test('signatures that do not verify', async (t) => {
  const module = await createFaultyModule(directory, environment(leaf, issuing, root))
  const service = await startReadyService(t, { ...module.environment, HSM_TIMEOUT_MS: '1500' })
  const discarded = 'a signature does not verify with the signer certificate; it was discarded'
  const countDiscarded = () => service.log().split(discarded).length - 1

  t.test('one is asked for again', async (t) => {
    module.plan('C_Sign flip times=1')
    const { statusCode, body } = await service.sign(RAW)
    t.equal(statusCode, 200)
    t.equal(body.length, 256)
    t.equal(countDiscarded(), 1)
  })

  t.test('all of them: the request is refused, and they are not in the answer', async (t) => {
    for (const request of [RAW, CONTAINER]) {
      await service.ready()
      module.plan('C_Sign flip')
      const answer = await service.sign(request)
      const message = /^The HSM returned a signature that does not verify .* it was discarded$/
      checkRefusal(t, answer, { statusCode: 500, code: 'SIGNATURE_SELF_CHECK_FAILED', message })
      module.plan()
    }
    await service.ready()
    t.equal((await service.sign(RAW)).statusCode, 200, 'the next request is served')
  })
})

/** Another certificate for the same subject and key. */
function reissue(
  { certificate, keyFile }: Issued,
  issuer: Issued,
  options: { ca?: boolean; notBefore: Date; notAfter: Date },
): Issued {
  return issue(directory, {
    ...options,
    ...{ subject: `/${certificate.subject.replaceAll('\n', '/')}`, issuer, keyFile, extension },
  })
}

/** What `openssl x509 -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256` prints. */
function fingerprint({ certificateFile }: Issued): string {
  const script =
    'openssl x509 -in "$0" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256'
  return execFileSync('sh', ['-c', script, certificateFile], { encoding: 'utf8' }).replace(/^.*= |\n/g, '')
}

function encode({ certificate }: Issued): string {
  return Buffer.from(certificate.toString()).toString('base64')
}

/** The messages of level warn so far, of the configuration; those of requests are not among them. */
function warnings(service: Service): string[] {
  return (
    service
      .log()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: number; msg: string })
      // The key was made outside of the token, so that its certificate could be made by openssl
      .filter(({ level, msg }) => level === 40 && !/^request|CKA_LOCAL is false/.test(msg))
      .map(({ msg }) => msg)
  )
}

async function misconfiguration(service: Service): Promise<Service['misconfigured']> {
  while (service.misconfigured.length === 0) {
    await delay(20)
  }
  return service.misconfigured
}
