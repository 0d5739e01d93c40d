/** What the service and its command line have to do on whatever token, from a key that is generated to signatures. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { runCheck } from '../support/check.ts'
import { runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { startReadyService, startService } from '../support/service.ts'
import { hsmStatus, until } from '../support/signing.ts'
import { issueCertificates, signingEnvironment, type Token } from '../support/token.ts'
import { verifyCms, verifySignature } from '../support/validators/openssl.ts'

export interface TokenUnderTest {
  /** Without keys. */
  readonly token: Token
  /** What `tokens` shows of it beside its label. */
  readonly description: Readonly<Record<string, unknown>>
  /** What another program says of the private keys there are. */
  readonly listPrivateKeys: () => Promise<string>
  /** Whether it says of keys that were generated on it that they were (CKA_LOCAL). */
  readonly tellsLocal: boolean
  /** Whether it has keys on elliptic curves. */
  readonly curves: boolean
  /** What that says of the key of label `signer` and id 01. */
  readonly listedKey: RegExp
  /** A PIN that the token refuses, and what it says of it. */
  readonly wrongPin: readonly [pin: string, returnValue: string]
}

const CONTENT = Buffer.from('what is to be signed')

/** As subtests of one, in this order: the first make what the others need. */
export async function testToken(t: Test, { token, description, ...expected }: TokenUnderTest): Promise<void> {
  const { directory, label } = token
  const environment = { ...token.environment, SIGNING_SERVICE_HOST: '127.0.0.1' }
  const publicKey = join(directory, 'signer.pub.pem')

  await t.test('the command tokens lists it', async (t) => {
    const { exitCode, stdout, stderr } = await runCommand(environment, 'tokens', '--json')
    t.equal(exitCode, 0, stderr)
    const tokens: { label: string }[] = JSON.parse(stdout).tokens
    t.match(
      tokens.find((one) => one.label === label),
      {
        initialized: true,
        loginRequired: true,
        userPinInitialized: true,
        userPinLocked: false,
        ...description,
      },
    )
  })

  await t.test('the command keygen makes a key that signs and cannot leave it', async (t) => {
    const options = ['--label', 'signer', '--id', '01', '--public-key', publicKey, '--json']
    const { exitCode, stdout, stderr } = await runCommand(environment, 'keygen', ...options)
    t.equal(exitCode, 0, stderr)
    t.match(JSON.parse(stdout), {
      ...{ label: 'signer', id: '01', type: 'RSA', bits: 2048 },
      ...{ sensitive: true, extractable: false, sign: true },
    })
    t.match(await expected.listPrivateKeys(), expected.listedKey)
  })
  const certificates = await issueCertificates(join(directory, 'certificates'), publicKey)
  const signing = signingEnvironment(token, certificates)

  await t.test('the command csr makes a request that openssl verifies', async (t) => {
    const { exitCode, stdout, stderr } = await runCommand(
      ...[environment, 'csr', '--label', 'signer', '--subject', 'CN=Test'],
    )
    t.equal(exitCode, 0, stderr)
    const subject = execFileSync('openssl', ['req', '-verify', '-noout', '-subject'], {
      ...{ input: stdout, encoding: 'utf8', stdio: 'pipe' },
    })
    t.match(subject, /CN ?= ?Test/)
  })

  await t.test('the service signs', async (t) => {
    const service = await startReadyService(t, signing)
    for (const hash of ['sha256', 'sha384', 'sha512']) {
      const { statusCode, body } = await service.sign({
        ...{ action: 'sign', hash_algorithm: hash, signature_type: 'cades' },
        data_to_be_signed: CONTENT.toString('base64'),
      })
      t.equal(statusCode, 200, statusCode === 200 ? hash : `${hash}: ${body}`)
      const certificate = execFileSync('openssl', ['x509', '-in', certificates.leaf])
      const { valid, message } = await verifySignature({ certificate, hash, data: CONTENT, signature: body })
      t.ok(valid, message)
    }
    for (const type of ['cms', 'cades']) {
      const { statusCode, body } = await service.sign({
        ...{ action: 'sign_pkcs7', hash_algorithm: 'sha384', signature_type: type },
        encoded_contents: CONTENT.toString('base64'),
      })
      t.equal(statusCode, 200, type)
      const { valid, message } = await verifyCms({
        ...{ cms: body, content: CONTENT, trustAnchors: certificates.root, cades: type === 'cades' },
      })
      t.ok(valid, message)
    }
  })

  await t.test('the service signs with RSASSA-PSS, and with ECDSA where there are such keys', async (t) => {
    const rsa = { certificateFile: certificates.leaf, caFile: certificates.bundle }
    const signers: Record<string, object> = { pss: { ...rsa, signatureAlgorithm: 'rsassa-pss' } }
    if (expected.curves) {
      const curve = join(directory, 'curve.pub.pem')
      const options = ['--label', 'curve', '--id', '02', '--curve', 'P-384', '--public-key', curve]
      t.equal((await runCommand(environment, 'keygen', ...options)).exitCode, 0)
      const { leaf } = await issueCertificates(join(directory, 'certificates'), curve, 'curve.pem')
      signers.ecdsa = { key: { label: 'curve' }, certificateFile: leaf, caFile: certificates.bundle }
    }
    const file = join(directory, 'signers.json')
    writeFileSync(file, JSON.stringify({ default: 'pss', signers }))
    const service = await startReadyService(t, { ...environment, SIGNERS_FILE: file })
    for (const signer of Object.keys(signers)) {
      for (const hash of ['sha256', 'sha384', 'sha512']) {
        const { statusCode, body } = await service.sign({
          ...{ action: 'sign_pkcs7', hash_algorithm: hash, signature_type: 'cades' },
          encoded_contents: CONTENT.toString('base64'),
          signing_token: JSON.stringify({ signer }),
        })
        t.equal(statusCode, 200, `${signer} ${hash}`)
        const { valid, message } = await verifyCms({
          ...{ cms: body, content: CONTENT, trustAnchors: certificates.root, cades: true },
        })
        t.ok(valid, message)
      }
    }
  })

  await t.test('the command sign signs a file', async (t) => {
    const file = join(directory, 'content')
    writeFileSync(file, CONTENT)
    const out = join(directory, 'content.p7s')
    const { exitCode, stderr } = await runCommand(signing, 'sign', file, '--out', out)
    t.equal(exitCode, 0, stderr)
    const { valid, message } = await verifyCms({
      ...{ cms: readFileSync(out), content: CONTENT, trustAnchors: certificates.root, cades: true },
    })
    t.ok(valid, message)
  })

  await t.test('the command import-cert puts the certificate there', async (t) => {
    const imported = await runCommand(environment, 'import-cert', certificates.leaf)
    t.equal(imported.exitCode, 0, imported.stderr)
    const { stdout } = await runCommand(environment, 'keys', '--json')
    const keys: { id: string }[] = JSON.parse(stdout)
    t.match(
      keys.find(({ id }) => id === '01'),
      { label: 'signer', publicKeyObject: true, certificateObject: true },
    )
  })

  await t.test('the command check finds all in order, with the certificate that is there', async (t) => {
    const { SIGNER_CERTIFICATE_FILE: _, ...rest } = signing
    const { steps } = await runCheck({ ...rest, HSM_KEY_LABEL: 'signer', SIGNING_SERVICE_HOST: '127.0.0.1' })
    const others = Object.entries(steps).filter(([, { status }]) => status !== 'ok')
    const protection = { status: 'warning', found: /was not generated on the token \(CKA_LOCAL is false\)/ }
    const chain = { status: 'warning', found: /has neither an OCSP address nor that of a CRL/ }
    const warnings = [...(expected.tellsLocal ? [] : [['protection', protection]]), ['chain', chain]]
    t.match(others, warnings)
    t.equal(others.length, warnings.length)
  })

  await t.test('a key that is not there is told with those that are', async (t) => {
    const service = await startService(t, { ...signing, HSM_KEY_LABEL: 'none' })
    await until('it is told', () => service.misconfigured.length > 0)
    t.match(service.misconfigured[0]?.problems, [
      {
        variable: 'HSM_KEY_LABEL',
        message: /no private key fits label none; there are: .*label "signer" id 01 fingerprint [0-9a-f]{64}/,
      },
    ])
  })

  await t.test('a wrong PIN is told, and tried once', async (t) => {
    const [pin, returnValue] = expected.wrongPin
    const faulty = await createFaultyModule(directory, signing)
    writeFileSync(join(directory, 'wrong-pin'), pin)
    const wrong = { ...faulty.environment, HSM_PIN_FILE: join(directory, 'wrong-pin') }
    const service = await startService(t, wrong)
    await until('it is refused', async () => (await hsmStatus(service.url)).state === 'pin refused')
    t.match(await hsmStatus(service.url), { reason: `the token refused the PIN (${returnValue})` })
    t.equal(faulty.calls('C_Login'), 1)
  })
}
