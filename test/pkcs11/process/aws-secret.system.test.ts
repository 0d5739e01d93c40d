/** Reads a PIN from a server that speaks the API of AWS Secrets Manager. */
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { readPinOfSecret } from '../../../src/pkcs11/process/aws-secret.ts'
import { findPin } from '../../../src/pkcs11/process/find-pin.ts'
import type { OpenError } from '../../../src/pkcs11/process/open-error.ts'
import {
  ACCESS_KEY,
  REGION,
  SECRET_ACCESS_KEY,
  SECRET_ARN,
  SECRET_ID,
  SESSION_TOKEN,
  type SecretsManager,
  startSecretsManager,
  version,
} from '../../support/secrets-manager.ts'
import { hasTinyproxy, startTinyproxy } from '../../support/tinyproxy.ts'

const PIN = 'user:pin-4711'
const skip = hasTinyproxy() ? false : 'tinyproxy is missing: docker/install-tools.sh tinyproxy'

// Nothing of the machine that this runs on may count
for (const name of Object.keys(process.env).filter((name) => /^AWS_|_PROXY$/i.test(name))) {
  delete process.env[name]
}
Object.assign(process.env, { AWS_CONFIG_FILE: '/none', AWS_SHARED_CREDENTIALS_FILE: '/none' })

/** Has the SDK find the server, with these variables besides, until the test ends. */
function configure(t: Test, { environment }: SecretsManager, change: Record<string, string> = {}): void {
  const variables = { ...environment, ...change }
  Object.assign(process.env, variables)
  t.teardown(() => {
    for (const name of Object.keys(variables)) {
      delete process.env[name]
    }
  })
}

/** A secret cannot be read, and the log says why. */
async function refusal(id = SECRET_ID): Promise<Record<string, string>> {
  try {
    await readPinOfSecret(id)
    return {}
  } catch (error) {
    return (error as OpenError).failure as unknown as Record<string, string>
  }
}

t.test('a secret is read with its version, in the region of its ARN', async (t) => {
  const manager = await startSecretsManager(t, version('1', `${PIN}\n`))
  configure(t, manager)
  const read = { pin: PIN, version: `${SECRET_ARN} 00000000-0000-4000-8000-000000000001` }
  t.strictSame(await findPin({ secretId: SECRET_ID }, undefined), read)
  manager.answer = { VersionId: 'bytes', SecretBinary: Buffer.from(PIN).toString('base64') }
  t.match(await readPinOfSecret(SECRET_ARN), { pin: PIN, version: `${SECRET_ARN} bytes` })
  const elsewhere = SECRET_ARN.replace(REGION, 'us-gov-west-1')
  t.match(await readPinOfSecret(elsewhere), { pin: PIN })
  t.strictSame(manager.asked, [
    `${REGION} ${SECRET_ID}`,
    `${REGION} ${SECRET_ARN}`,
    `us-gov-west-1 ${elsewhere}`,
  ])
})

t.test('the endpoint of all services counts too', async (t) => {
  const manager = await startSecretsManager(t, version('1', PIN))
  const { AWS_ENDPOINT_URL_SECRETS_MANAGER: AWS_ENDPOINT_URL = '', ...environment } = manager.environment
  configure(t, { ...manager, environment }, { AWS_ENDPOINT_URL })
  t.match(await readPinOfSecret(SECRET_ID), { pin: PIN })
})

t.test('a secret that is no PIN is wrong for good, and is not quoted', async (t) => {
  const manager = await startSecretsManager(t, version('1', '{"password":"pin-4711"}'))
  configure(t, manager)
  t.strictSame(await refusal(), {
    kind: 'configuration',
    about: 'pin',
    message: `the secret ${SECRET_ID} is JSON, which must have either pin, or username and password`,
    reason: 'the PIN cannot be read',
  })
  manager.answer = version('2', '')
  t.match(await refusal(), { message: `the secret ${SECRET_ID} is empty` })
})

t.test('an answer that is none of Secrets Manager may pass', async (t) => {
  const manager = await startSecretsManager(t)
  configure(t, manager)
  for (const answer of [
    { VersionId: 'nothing' },
    { VersionId: '1', SecretString: 4711 as unknown as string },
  ]) {
    manager.answer = answer
    t.match(await refusal(), {
      kind: 'unavailable',
      message:
        /cannot be read from AWS Secrets Manager: the answer has no secret; look whether AWS_ENDPOINT_URL or a proxy/,
    })
  }
})

t.test('what Secrets Manager refuses may pass, and is told with what to do', async (t) => {
  const manager = await startSecretsManager(t)
  configure(t, manager)
  const message = [ACCESS_KEY, SECRET_ACCESS_KEY, SESSION_TOKEN, 'canonical string'].join()
  for (const [fault, status, advice] of [
    [
      'AccessDeniedException',
      400,
      /: AccessDeniedException \(HTTP 400\): allow secretsmanager:GetSecretValue/,
    ],
    ['ResourceNotFoundException', 400, /: ResourceNotFoundException \(HTTP 400\): no secret of this name/],
    ['ThrottlingException', 400, /: ThrottlingException \(HTTP 400\)$/],
    ['InvalidSignatureException', 403, /: InvalidSignatureException \(HTTP 403\)$/],
    ['InternalServiceError', 500, /: InternalServiceError \(HTTP 500\)$/],
    ['x'.repeat(65), 400, /: Error \(HTTP 400\)$/],
  ] as const) {
    manager.answer = { fault, status, message }
    const { kind, message: told = '', reason = '' } = await refusal()
    t.equal(kind, 'unavailable')
    t.match(told, advice)
    t.match(told, `the secret ${SECRET_ID} cannot be read from AWS Secrets Manager`)
    t.match(reason, /^the PIN cannot be read from AWS Secrets Manager \(\w+\)$/)
    for (const secret of [SECRET_ID, 'arn:', ...message.split(',')]) {
      t.notOk(reason.includes(secret))
      t.notOk(told.replace(SECRET_ID, '').includes(secret))
    }
  }
})

t.test('throttling is repeated at once, an error of the network is told', async (t) => {
  const manager = await startSecretsManager(t, { fault: 'ThrottlingException', status: 400 })
  configure(t, manager)
  await refusal()
  t.ok(manager.asked.length > 1)
  await manager.close()
  t.match(await refusal(), {
    kind: 'unavailable',
    message: /: ECONNREFUSED$/,
    reason: 'the PIN cannot be read from AWS Secrets Manager (ECONNREFUSED)',
  })
  await manager.listen()
})

t.test('without a region or credentials it is told what is missing', async (t) => {
  const manager = await startSecretsManager(t, version('1', PIN))
  const { AWS_REGION, ...rest } = manager.environment
  await t.test('region', async (t) => {
    configure(t, { ...manager, environment: rest })
    t.match(await refusal(), { kind: 'unavailable', message: /: Region is missing: set AWS_REGION/ })
    t.match(await readPinOfSecret(SECRET_ARN), { pin: PIN }, 'which an ARN has')
  })
  await t.test('credentials, where the service of the instance does not answer either', async (t) => {
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    t.teardown(() => silent.close())
    const { port } = silent.address() as { port: number }
    configure(
      t,
      { ...manager, environment: {} },
      { AWS_REGION: `${AWS_REGION}`, AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${port}` },
    )
    t.match(await refusal(), {
      kind: 'unavailable',
      message: /: (CredentialsProviderError: there are no credentials|TimeoutError: it did not answer)/,
    })
  })
  t.strictSame(manager.asked, [`${REGION} ${SECRET_ARN}`])
})

t.test('an https endpoint is reached through the proxy', { skip }, async (t) => {
  const manager = await startSecretsManager(t)
  const proxy = await startTinyproxy(t)
  const AWS_ENDPOINT_URL_SECRETS_MANAGER = manager.url.replace('http', 'https')
  configure(t, manager, { AWS_ENDPOINT_URL_SECRETS_MANAGER, HTTPS_PROXY: proxy.url.href })
  t.match(await refusal(), { kind: 'unavailable' }, 'as the server does not speak TLS')
  const { host } = new URL(AWS_ENDPOINT_URL_SECRETS_MANAGER)
  t.equal(proxy.requests()[0], `CONNECT ${host} HTTP/1.1`)
})

t.test('a server that does not answer is waited for five seconds', async (t) => {
  const manager = await startSecretsManager(t)
  configure(t, manager)
  const before = performance.now()
  t.match(await refusal(), {
    kind: 'unavailable',
    message: /: TimeoutError: it did not answer within 5 seconds$/,
    reason: 'the PIN cannot be read from AWS Secrets Manager (TimeoutError)',
  })
  t.ok(performance.now() - before > 4_900)
  t.equal(manager.asked.length, 1)
})
