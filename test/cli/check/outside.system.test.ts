/** `check --sign` against a running service, while all is well and with each fault that callers would meet. */
import { execFile } from 'node:child_process'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { request as forward, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import type { SignerEntry } from '../../../schemas/signers-file.ts'
import { TEST_DOCUMENT } from '../../../src/cli/check/test-signature.ts'
import { startAuthorities } from '../../support/authorities.ts'
import {
  generateKeyFile,
  issue,
  P_256,
  RSA_2048,
  rsaPss,
  writeBundle,
  writePlainRsaKey,
} from '../../support/certificates.ts'
import { MAIN, runCommand } from '../../support/command.ts'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import { send } from '../../support/http.ts'
import { startHttpServer } from '../../support/http-server.ts'
import { createClaims, createJwtKey, createKeySet, signJwt } from '../../support/jwt.ts'
import { startIdleService, startReadyService } from '../../support/service.ts'
import { send as sendToken } from '../../support/timestamp-authority.ts'
import { callWith, issueClient, issueServer } from '../../support/tls.ts'
import { createToken, importKey } from '../../support/token.ts'
import { parsePerformance, WITHOUT_MONITORING_PLUGIN } from '../../support/validators/monitoring-plugin.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const authorities = await startAuthorities(path('authorities'))
t.teardown(() => authorities.server.close())
const anchors = authorities.root.issued.certificateFile
const timestampAnchors = authorities.timestampRoot.issued.certificateFile
const chain = [authorities.issuing.issued, authorities.root.issued].map((one) => one.certificate)
const caFile = writeBundle(path('ca.pem'), chain)
const timestamps = { url: authorities.timestampUrl, caFile: timestampAnchors }

const token = await createToken(path('token'))
const module = await createFaultyModule(directory, token.environment)

/** Puts a key onto the token, and returns the entry of a signer with it. */
async function addSigner(name: string, key: readonly string[], days = 365): Promise<SignerEntry> {
  const id = Buffer.from(name).toString('hex')
  const keyFile = generateKeyFile(directory, key)
  const plain = key.includes('RSA-PSS') ? writePlainRsaKey({ keyFile }) : keyFile
  await importKey(token, plain, { label: name, id })
  const notAfter = new Date(Date.now() + days * 86_400_000)
  const { certificateFile } = authorities.certify({ subject: `/O=Test/CN=${name}`, keyFile, notAfter })
  return { key: { label: name }, certificateFile, caFile }
}

const contracts = await addSigner('contracts', RSA_2048)
const letters = await addSigner('letters', P_256)
const variables = {
  ...module.environment,
  ...{ HSM_SESSIONS: '2', HSM_TIMEOUT_MS: '4000', REVOCATION_CHECK: 'off' },
}
let files = 0

/** Returns the variables of a service with these signers, of which the first is the default one. */
function having(signers: Record<string, SignerEntry>): Record<string, string> {
  files += 1
  const file = path(`signers-${files}.json`)
  writeFileSync(file, JSON.stringify({ default: Object.keys(signers)[0], signers }))
  return { ...variables, SIGNERS_FILE: file }
}

/** A busy machine may take long for what a service does at once. */
const PATIENT = ['--warning-seconds', '60', '--critical-seconds', '60', '--timeout', '300']

/** Runs the check without any variable of a service. */
async function look(url: string, ...args: string[]) {
  const command = ['check', '--url', url, '--sign', ...PATIENT]
  const { exitCode, stdout, stderr } = await runCommand({}, ...command, ...args)
  const [first = ''] = stdout.split('\n')
  const [summary = '', performance = ''] = first.split(' | ')
  return { exitCode, stdout, stderr, summary, performance }
}

const OK = { exitCode: 0, stderr: '' }
const WARNING = { exitCode: 1, stderr: '' }
const CRITICAL = { exitCode: 2, stderr: '' }
const UNKNOWN = { exitCode: 3 }

const house = {
  contracts: { ...contracts, level: 'b-t', timestamps, rawSigning: 'signed-attributes' },
  letters: { ...letters, level: 'b-b' },
} satisfies Record<string, SignerEntry>

t.test('all is well', async (t) => {
  const service = await startReadyService(t, having(house))

  t.test('each signer that the service lists signs what it makes', async (t) => {
    const found = await look(service.url, '--signer-ca', anchors, '--tsa-ca', timestampAnchors)
    t.match(found, OK)
    t.match(
      found.summary,
      /^SIGNING OK - 2 signers sign: raw, PKCS#7 at level b-t, PKCS#7 at level b-b; certificates are valid for \d+ days$/,
    )
    t.match(found.stdout, '[ok] contracts: raw signature: it verifies with the certificate (sha256, cades)')
    t.match(found.stdout, '[ok] contracts: chain: it leads to O=Test, CN=Root, which is trusted')
    t.match(
      found.stdout,
      /\[ok\] contracts: timestamp: \d+ days left of the certificate of O=Test, CN=Timestamp/,
    )
    t.match(found.stdout, /\[skipped\] letters: raw signature: answers 400 NOT_ALLOWED_FOR_SIGNER/)
    t.match(found.stdout, '[ok] letters: pkcs7 container: it verifies')
    t.match(found.stdout, "[ok] clock: that of the service agrees with this machine's")
  })
  t.test(
    'performance data are those of monitoring systems',
    { skip: WITHOUT_MONITORING_PLUGIN },
    async (t) => {
      const { performance } = await look(service.url, '--warning-days', '10', '--critical-days', '3')
      t.match(
        parsePerformance(performance).map(({ label, unit, warning, critical }) => [
          label,
          unit,
          warning,
          critical,
        ]),
        [
          ['contracts days', '', '10:', '3:'],
          ['contracts raw', 's', '60', '60'],
          ['contracts pkcs7', 's', '60', '60'],
          ['contracts tsa days', '', '10:', '3:'],
          ['letters days', '', '10:', '3:'],
          ['letters pkcs7', 's', '60', '60'],
          ['clock', 's', '-5:5', '-60:60'],
          ['tsa clock', 's', '-5:5', '-60:60'],
        ],
      )
      const [days] = parsePerformance(performance)
      t.ok(Number(days?.value) > 300)
    },
  )
  t.test('one signer, by its name or by the path', async (t) => {
    const one = await look(service.url, '--signer', 'letters')
    t.match(one, { ...OK, summary: /^SIGNING OK - 1 signer signs: PKCS#7 at level b-b; / })
    const sha512 = await look(`${service.url}/sign/contracts`, '--hash', 'sha512', '--type', 'cms')
    t.match(sha512, { ...OK, summary: /^SIGNING OK - 1 signer signs: raw, PKCS#7 at level b-t; / })
    t.match(sha512.stdout, '[ok] raw signature: it verifies with the certificate (sha512, cms)')
  })
  t.test('a form or a level that has to be there', async (t) => {
    const forms = await look(service.url, '--container', 'raw', '--container', 'pkcs7')
    t.match(forms, {
      ...UNKNOWN,
      summary: /^SIGNING UNKNOWN - letters: raw signature: answers 400 NOT_ALLOWED_FOR_/,
    })
    t.match(await look(service.url, '--container', 'raw', '--signer', 'contracts'), OK)
    const level = await look(service.url, '--level', 'b-t')
    t.match(level, { ...CRITICAL, summary: 'SIGNING CRITICAL - letters: level: b-b, and not b-t' })
    t.match(await look(service.url, '--level', 'b-t', '--signer', 'contracts'), OK)
  })
  t.test('JSON for other machines', async (t) => {
    const { exitCode, stdout } = await look(service.url, '--json')
    t.equal(exitCode, 0)
    t.match(JSON.parse(stdout), { state: 'OK', steps: [{ name: 'service: ready', status: 'ok' }] })
  })
  t.test('in a process of its own, which has nothing but these arguments', async (t) => {
    const args = [MAIN, 'check', '--url', service.url, '--sign', ...PATIENT, '--level', 'b-lt']
    const { code, stdout } = await new Promise<{ code: unknown; stdout: string }>((resolve) =>
      execFile(process.execPath, args, { env: {} }, (error, stdout) =>
        resolve({ code: error?.code, stdout }),
      ),
    )
    t.equal(code, 2)
    t.match(
      stdout,
      /^SIGNING CRITICAL - contracts: level: b-t, and not b-lt; letters: level: b-b, and not b-lt \| /,
    )
  })
  t.test('a signer that is not there, or is named twice', async (t) => {
    const gone = await look(service.url, '--signer', 'archive')
    t.match(gone, {
      ...CRITICAL,
      summary: /^SIGNING CRITICAL - archive: certificates: answers 400 UNKNOWN_SIGNER: /,
    })
    const twice = await look(`${service.url}/sign/contracts`, '--signer', 'letters')
    t.match(twice, {
      ...UNKNOWN,
      summary: /^SIGNING UNKNOWN - letters: certificates: answers 400 SIGNER_MISMATCH: /,
    })
  })
})

t.test('certificates', async (t) => {
  const other = issue(directory, { subject: '/CN=Other root', ca: true }).certificateFile
  const { caFile: _, ...alone } = letters
  const service = await startReadyService(
    t,
    having({ contracts, short: await addSigner('short', P_256, 3), alone }),
  )

  t.test('that end soon', async (t) => {
    const short = await look(service.url, '--signer', 'short')
    t.match(short, {
      ...CRITICAL,
      summary:
        /^SIGNING CRITICAL - short: validity: 2 days left of the certificate of O=Test, CN=short, until /,
    })
    t.match(await look(service.url, '--signer', 'short', '--critical-days', '2'), WARNING)
    t.match(await look(service.url, '--signer', 'short', '--critical-days', '1', '--warning-days', '2'), OK)
  })
  t.test('of another authority than that which is trusted', async (t) => {
    const wrong = await look(service.url, '--signer', 'contracts', '--signer-ca', other)
    t.match(wrong, {
      ...CRITICAL,
      summary:
        /^SIGNING CRITICAL - contracts: chain: it cannot be trusted: its certificate is none of those that /,
    })
    t.match(await look(service.url, '--signer', 'contracts', '--signer-ca', anchors), OK)
    t.match(await look(service.url, '--signer', 'alone', '--signer-ca', caFile), OK, 'with what is missing')
  })
  t.test('without their issuers', async (t) => {
    t.match(await look(service.url, '--signer', 'alone'), {
      ...WARNING,
      summary:
        /^SIGNING WARNING - alone: chain: it ends at O=Test, CN=letters: that of O=Test, CN=Issuing CA is missing$/,
    })
  })
  t.test('files that hold none', async (t) => {
    for (const option of ['--signer-ca', '--tsa-ca', '--tls-ca', '--tls-cert', '--tls-key']) {
      for (const file of ['/none', '/dev/null']) {
        const summary = new RegExp(`^SIGNING UNKNOWN - ${file} cannot be used: `)
        t.match(await look(service.url, option, file), { ...UNKNOWN, summary }, `${option} ${file}`)
      }
    }
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    writeFileSync(path('other.key'), other.export({ type: 'pkcs8', format: 'pem' }))
    t.match(await look(service.url, '--tls-cert', anchors, '--tls-key', path('other.key')), {
      ...UNKNOWN,
      summary: /other\.key cannot be used: .*key/,
    })
  })
})

t.test('timestamp authority', async (t) => {
  const fallback = { ...contracts, level: 'b-t', timestamps, timestampFallback: 'b-b' } as const
  const longTerm = { ...contracts, level: 'b-lt', timestamps } as const
  const service = await startReadyService(t, {
    ...having({ strict: { ...contracts, level: 'b-t', timestamps }, fallback, longTerm }),
    REVOCATION_CHECK: 'on',
  })
  const both = ['--signer', 'strict', '--signer', 'fallback', '--container', 'pkcs7']

  t.test('is there', async (t) => {
    t.match(await look(service.url, ...both), { ...OK, summary: /2 signers sign: PKCS#7 at level b-t;/ })
    const level = await look(
      service.url,
      '--signer',
      'longTerm',
      '--level',
      'b-lt',
      '--tsa-ca',
      timestampAnchors,
    )
    t.match(level, { ...OK, summary: /1 signer signs: raw, PKCS#7 at level b-lt;/ })
  })
  t.test('is one that is not trusted', async (t) => {
    t.match(await look(service.url, '--signer', 'strict', '--tsa-ca', anchors), {
      ...CRITICAL,
      summary: /^SIGNING CRITICAL - strict: timestamp: that in the container cannot be trusted: no path to /,
    })
  })
  t.test('is away', async (t) => {
    const { pathname } = new URL(authorities.timestampUrl)
    authorities.server.on(pathname, (_query, response) => {
      response.writeHead(503).end()
      return undefined
    })
    const away = await look(service.url, '--signer', 'strict')
    t.match(away, {
      ...CRITICAL,
      summary:
        /^SIGNING CRITICAL - strict: pkcs7 container: answers 503 TIMESTAMP_UNAVAILABLE: No authority gave/,
    })
    t.match(away.stdout, '[ok] strict: raw signature')
    const less = await look(service.url, '--signer', 'fallback')
    t.match(less, {
      ...WARNING,
      summary: 'SIGNING WARNING - fallback: level: b-b alone, because of TIMESTAMP_UNAVAILABLE',
    })
    t.match(await look(service.url, '--signer', 'fallback', '--level', 'b-t'), {
      ...CRITICAL,
      summary: 'SIGNING CRITICAL - fallback: level: b-b, and not b-t, because of TIMESTAMP_UNAVAILABLE',
    })
    authorities.server.on(pathname, async (query, response) => {
      sendToken(response, await authorities.timestamp(query))
      return undefined
    })
  })
})

t.test('the HSM', async (t) => {
  t.teardown(() => module.plan())

  t.test('is slow', async (t) => {
    const service = await startIdleService(t, { ...having({ contracts }), HSM_TIMEOUT_MS: '60000' })
    module.plan('C_Sign delay 700')
    t.match(await look(service.url, '--warning-seconds', '0.5'), {
      ...WARNING,
      summary:
        /^SIGNING WARNING - contracts: raw signature: it verifies .*; it took \d+\.\d\d s; contracts: pkcs7/,
    })
    module.plan('C_Sign hold')
    t.match(
      await look(
        service.url,
        ...['--container', 'raw', '--warning-seconds', '0.5', '--critical-seconds', '8'],
      ),
      { ...CRITICAL, summary: 'SIGNING CRITICAL - contracts: raw signature: no answer for 8 seconds' },
    )
    module.plan()
  })
  t.test('does not answer', async (t) => {
    const service = await startIdleService(t, { ...having({ contracts }), HSM_TIMEOUT_MS: '1000' })
    module.plan('C_Sign hold')
    t.match(await look(service.url, '--container', 'raw'), {
      ...CRITICAL,
      summary: /^SIGNING CRITICAL - contracts: raw signature: answers 50\d HSM_(TIMEOUT|UNAVAILABLE|BUSY): /,
    })
    module.plan()
  })
})

t.test('who asks', async (t) => {
  const users = { ACCESS_FILE: path('access.json') }
  const { stdout: added } = await runCommand(users, 'user', 'add', 'monitoring', '--signer', 'contracts')
  writeFileSync(path('user'), added)
  writeFileSync(path('stranger'), `${added.trim().slice(0, -8)}AAAAAAAA\n`)
  writeFileSync(path('garbage'), 'two words')

  t.test('is a user', async (t) => {
    const service = await startReadyService(t, {
      ...having(house),
      ...{ ...users, ACCESS: 'tokens', ACCESS_CERTIFICATES: 'protected' },
    })
    const only = ['--signer', 'contracts']
    t.match(await look(service.url, ...only, '--token-file', path('user')), OK)
    const environment = { CHECK_TOKEN: added.trim() }
    t.match(await runCommand(environment, 'check', '--url', service.url, '--sign', ...PATIENT, ...only), {
      exitCode: 0,
    })
    for (const [file, code] of [
      ['stranger', 'SIGNING_TOKEN_INVALID'],
      [undefined, 'SIGNING_TOKEN_MISSING'],
    ]) {
      const shown = file === undefined ? [] : ['--token-file', path(file)]
      const found = await look(service.url, ...only, ...shown)
      t.match(found, { ...UNKNOWN, stderr: '' })
      t.match(found.summary, `SIGNING UNKNOWN - contracts: certificates: answers 401 ${code}: `)
      t.match(found.stdout, '[skipped] contracts: raw signature: the certificates are not known')
      t.match(found.stdout, '-> Give the check a token that may have this signed')
    }
    t.match(await look(service.url, '--token-file', path('user')), {
      ...UNKNOWN,
      summary: /^SIGNING UNKNOWN - letters: certificates: answers 403 NOT_ALLOWED: /,
    })
    const unset = await runCommand(
      { CHECK_TOKEN: '' },
      'check',
      '--url',
      service.url,
      '--sign',
      ...PATIENT,
      ...only,
    )
    t.match(unset, { ...UNKNOWN, stdout: /401 SIGNING_TOKEN_MISSING/ })
    const wrong = await runCommand({ CHECK_TOKEN: 'two words' }, 'check', '--url', service.url, '--sign')
    t.match(wrong, {
      ...UNKNOWN,
      stdout: 'SIGNING UNKNOWN - CHECK_TOKEN holds something else than a token\n',
    })
    const garbage = await look(service.url, '--token-file', path('garbage'))
    t.match(garbage, { ...UNKNOWN, summary: /garbage holds something else than a token$/ })
    t.notMatch(garbage.stdout, 'two words')
    const config = await runCommand(
      having(house),
      'check',
      '--url',
      service.url,
      '--token-file',
      path('user'),
      '--json',
    )
    const steps = JSON.parse(config.stdout).steps as { name: string; status: string }[]
    t.match(
      steps.find(({ name }) => name === 'service: certificate'),
      { status: 'ok' },
      'a check of the configuration sends it, too',
    )
  })
  t.test('has a JSON Web Token', async (t) => {
    const key = createJwtKey()
    writeFileSync(path('jwks.json'), JSON.stringify(createKeySet(key)))
    const service = await startReadyService(t, {
      ...having(house),
      ...{ ACCESS: 'jwt', ACCESS_JWT_KEYS: path('jwks.json') },
      ...{ ACCESS_JWT_ISSUER: 'https://app.example.com', ACCESS_JWT_AUDIENCE: 'signing-service' },
    })
    writeFileSync(path('jwt'), signJwt(key, createClaims()))
    t.match(await look(service.url, '--token-file', path('jwt')), OK)
    writeFileSync(path('expired'), signJwt(key, createClaims({ exp: 1_000_000_000 })))
    t.match(await look(service.url, '--token-file', path('expired')), UNKNOWN)
  })
  t.test('has a certificate for TLS', async (t) => {
    const root = issue(directory, { subject: '/CN=TLS root', ca: true })
    const notAfter = new Date(Date.now() + 20.5 * 86_400_000)
    const shown = issueServer(directory, root, { notAfter })
    const client = issueClient(directory, root, ['monitoring.example.com'])
    const service = await startReadyService(
      t,
      {
        ...having({ contracts }),
        ...{ TLS_CERT_FILE: shown.certificateFile, TLS_KEY_FILE: shown.keyFile },
        ...{ TLS_CLIENT_CA_FILE: root.certificateFile, TLS_CLIENT_NAMES: 'monitoring.example.com' },
      },
      callWith(root, client),
    )
    const tls = ['--tls-ca', root.certificateFile]
    writeFileSync(path('root.der'), new X509Certificate(readFileSync(root.certificateFile)).raw)
    const own = ['--tls-cert', client.certificateFile, '--tls-key', client.keyFile]
    t.match(await look(service.url, ...tls, ...own), {
      ...WARNING,
      summary:
        /^SIGNING WARNING - tls certificate: 20 days left of the certificate of CN=signing-service, until /,
      performance: /'tls days'=20;30:;7:/,
    })
    t.match(await look(service.url, ...tls, ...own, '--warning-days', '20'), OK)
    const der = ['--tls-ca', path('root.der')]
    t.match(await look(service.url, ...der, ...own, '--warning-days', '20'), OK, 'DER, too')
    t.match(await look(service.url, ...tls), { ...CRITICAL, summary: /cannot be reached, or broke off \(/ })
    t.match(await look(service.url, ...own), { ...CRITICAL, summary: /cannot be reached, or broke off \(/ })
  })
  t.test('asks too often', async (t) => {
    const service = await startReadyService(t, { ...having({ contracts }), RATE_LIMIT_PER_SIGNER: '1' })
    t.match(await look(service.url, '--container', 'raw'), OK)
    t.match(await look(service.url), {
      ...UNKNOWN,
      summary: /^SIGNING UNKNOWN - .* answers 429 RATE_LIMITED: /,
    })
  })
})

t.test('the admin port', async (t) => {
  const service = await startReadyService(t, { ...having(house), ADMIN_PORT: '0' })
  const one = await look(service.url)
  t.match(one, { ...OK, summary: /^SIGNING OK - 1 signer signs/ }, 'the default one alone is known')
  t.match(one.stdout, '[ok] raw signature')
  const both = await look(service.url, '--admin-url', service.adminUrl)
  t.match(both, { ...OK, summary: /^SIGNING OK - 2 signers sign/ })
  t.match(await look(service.url, '--admin-url', 'http://127.0.0.1:1'), {
    ...UNKNOWN,
    summary:
      /^SIGNING UNKNOWN - service: ready: the admin port cannot be reached, or broke off \(ECONNREFUSED\)$/,
  })
})

t.test('signers with keys for RSASSA-PSS', async (t) => {
  const pss = await addSigner('pss', rsaPss('sha256', 32))
  const service = await startReadyService(
    t,
    having({
      pss: { ...pss, raw: true },
      plain: { ...contracts, signatureAlgorithm: 'rsassa-pss', raw: true },
    }),
  )
  t.match(await look(service.url), {
    ...OK,
    summary: /^SIGNING OK - 2 signers sign: raw, PKCS#7 at level b-b; /,
  })
  t.match(await look(service.url, '--hash', 'sha512', '--signer', 'pss'), {
    ...UNKNOWN,
    summary: /^SIGNING UNKNOWN - pss: raw signature: answers 400 UNSUPPORTED_HASH_ALGORITHM: /,
  })
})

t.test('a signer that makes none of what is asked for', async (t) => {
  const service = await startReadyService(t, having({ cms: { ...contracts, signatureTypes: ['cms'] } }))
  t.match(await look(service.url), {
    ...UNKNOWN,
    summary:
      /^SIGNING UNKNOWN - cms: raw signature: answers 400 NOT_ALLOWED_FOR_SIGNER: .*; cms: pkcs7 container: /,
  })
  t.match(await look(service.url, '--type', 'cms'), OK)
})

t.test('no service', async (t) => {
  t.match(await look('http://127.0.0.1:1'), {
    ...CRITICAL,
    summary: 'SIGNING CRITICAL - service: ready: cannot be reached, or broke off (ECONNREFUSED)',
    performance: '',
  })
  const silent = await look(await startHttpServer(t), '--warning-seconds', '0.2', '--critical-seconds', '0.2')
  t.match(silent, { ...CRITICAL, summary: 'SIGNING CRITICAL - service: ready: no answer for 0.2 seconds' })
})

/** What something between the check and the service makes of an answer. */
type Change = (
  answer: { status: number; headers: Record<string, unknown>; body: Buffer },
  path: string,
) => void

/** Starts something in front of a service that changes its answers. */
async function startFront(t: Test, url: string, change: { apply: Change }): Promise<string> {
  return startHttpServer(t, async (request, response) => {
    const body = await buffer(request)
    const { method, headers } = request
    const outgoing = forward(`${url}${request.url}`, { method, headers })
    outgoing.end(body)
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
    const { 'content-length': _, ...rest } = incoming.headers
    const answer = {
      status: Number(incoming.statusCode),
      headers: { ...rest } as Record<string, unknown>,
      body: await buffer(incoming),
    }
    change.apply(answer, `${JSON.parse(body.toString() || '{}').action}`)
    response.sendDate = false
    response.writeHead(answer.status, answer.headers as Record<string, string>).end(answer.body)
  })
}

t.test('something that changes the answers', async (t) => {
  const service = await startReadyService(t, having({ contracts: house.contracts }))
  const change: { apply: Change } = { apply: () => {} }
  const url = await startFront(t, service.url, change)
  const finding = async (apply: Change, ...args: string[]) => {
    change.apply = apply
    return look(url, ...args)
  }
  /** Changes the JSON of an action's answer. */
  const json =
    (action: string, edit: (body: Record<string, unknown>) => unknown): Change =>
    (answer, asked) => {
      if (asked === action) {
        answer.body = Buffer.from(JSON.stringify(edit(JSON.parse(answer.body.toString()))))
      }
    }

  t.test('lets all pass', async (t) => {
    t.match(await finding(() => {}), OK)
  })
  t.test('flips a bit of a raw signature', async (t) => {
    const flip: Change = ({ body }, action) => {
      if (action === 'sign') body[100] = Number(body[100]) ^ 1
    }
    t.match(await finding(flip), {
      ...CRITICAL,
      summary:
        'SIGNING CRITICAL - contracts: raw signature: it is not a signature of the certificate over what was sent',
    })
  })
  t.test('changes a container', async (t) => {
    const edit = (change: (der: Buffer) => Buffer) =>
      json('sign_pkcs7', (body) => ({
        ...body,
        pkcs7: change(Buffer.from(`${body.pkcs7}`, 'base64')).toString('base64'),
      }))
    const digest = Buffer.from('06092a864886f70d010904', 'hex')
    const cases: [Change, RegExp][] = [
      [edit((der) => der.subarray(0, 100)), /./],
      [
        edit((der) => {
          der[der.indexOf(digest) + 15] = Number(der[der.indexOf(digest) + 15]) ^ 1
          return der
        }),
        /its signed message-digest is not that of the test document/,
      ],
      [json('sign_pkcs7', () => []), /./],
    ]
    for (const [apply, message] of cases) {
      const found = await finding(apply)
      t.match(found, { ...CRITICAL, summary: /^SIGNING CRITICAL - contracts: pkcs7 container: / })
      t.match(found.summary, message)
    }
  })
  t.test('claims a higher level than is there', async (t) => {
    t.match(await finding(json('sign_pkcs7', (body) => ({ ...body, level: 'b-lt' }))), {
      ...CRITICAL,
      summary:
        'SIGNING CRITICAL - contracts: level: the container has what makes b-t, though the service says b-lt',
    })
  })
  t.test('answers other certificates', async (t) => {
    const pem = Buffer.from(readFileSync(`${letters.certificateFile}`)).toString('base64')
    t.match(await finding(json('get_certificates', (body) => ({ ...body, certificates: [pem] }))), {
      ...CRITICAL,
      summary:
        /contracts: pkcs7 container: it is signed with another certificate than get_certificates answers/,
    })
    for (const body of [
      {},
      [],
      { certificates: [], ca_certificates: [] },
      { certificates: ['no'], ca_certificates: [] },
    ]) {
      t.match(await finding(json('get_certificates', () => body)), {
        ...CRITICAL,
        summary:
          'SIGNING CRITICAL - contracts: certificates: get_certificates answers something else than certificates',
      })
    }
  })
  t.test('answers a container with another hash algorithm', async (t) => {
    const body = JSON.stringify({
      ...{ action: 'sign_pkcs7', hash_algorithm: 'sha512', signature_type: 'cades' },
      encoded_contents: TEST_DOCUMENT.toString('base64'),
    })
    const headers = { accept: 'application/json' }
    const { pkcs7 } = (await send(`${service.url}/sign`, { method: 'POST', headers, body })).json()
    t.match(await finding(json('sign_pkcs7', (answer) => ({ ...answer, pkcs7 }))), {
      ...CRITICAL,
      summary:
        'SIGNING CRITICAL - contracts: pkcs7 container: it has another hash algorithm than was asked for',
    })
  })
  t.test('has another time', async (t) => {
    const off =
      (seconds: number): Change =>
      ({ headers }) => {
        headers.date = new Date(Date.now() + seconds * 1000).toUTCString()
      }
    // The check takes off what the exchange took, so the figures come near to these; clocks.test.ts has exact ones
    t.match(await finding(off(50)), {
      ...WARNING,
      summary:
        /^SIGNING WARNING - clock: that of the service is [0-9.]+ s ahead of this machine's; that of the timestamp/,
      performance: /'clock'=([5-9]|[1-4]\d|50)(\.\d+)?s;-5:5;-60:60/,
    })
    t.match(await finding(off(-600)), {
      ...CRITICAL,
      summary: /^SIGNING CRITICAL - clock: that of the service is [0-9.]+ s behind this machine's; /,
      performance: /'clock'=-([6-9]\d|[1-5]\d\d|600)(\.\d+)?s;-5:5;-60:60/,
    })
    const none = await finding(
      ({ headers }) => {
        delete headers.date
      },
      '--container',
      'raw',
    )
    t.match(none, OK)
    t.match(none.stdout, '[skipped] clock: no answer has a time')
  })
  t.test('is not ready, or hides that', async (t) => {
    const ready =
      (status: number, body: string): Change =>
      (answer, action) => {
        if (action === 'undefined') Object.assign(answer, { status, body: Buffer.from(body) })
      }
    t.match(await finding(ready(503, '{"status":"not ready"}')), {
      ...WARNING,
      summary: 'SIGNING WARNING - service: ready: 503, not ready',
    })
    for (const body of ['<html>', '[]', '{"error":"no"}']) {
      const hidden = await finding(ready(404, body))
      t.match(hidden, { ...OK, summary: /1 signer signs/ })
      t.match(
        hidden.stdout,
        '[skipped] service: ready: /health/ready answers 404, and not as the service does',
      )
    }
  })
  t.test('answers for itself', async (t) => {
    const page: Change = (answer) => {
      Object.assign(answer, { status: 502, body: Buffer.from('<html>|Bad gateway</html>') })
    }
    t.match(await finding(page), { ...CRITICAL, summary: 'SIGNING CRITICAL - certificates: answers 502' })
  })
})

t.test('a service that takes all the time of the check', async (t) => {
  const url = await startHttpServer(t, (request, response) => {
    if (request.url === '/health/ready') {
      response.end('{"status":"ready","signers":{"contracts":{},"letters":{}}}')
    }
  })
  const { exitCode, summary } = await look(
    url,
    ...['--timeout', '8', '--warning-seconds', '4', '--critical-seconds', '5'],
  )
  t.equal(exitCode, 2)
  t.match(
    summary,
    /contracts: certificates: no answer for 5 seconds; letters: certificates: the 8 s of the check were over before$/,
    'letters had less time than a service may take',
  )
  const short = await look(`${url}/sign`, '--timeout', '1')
  t.match(short, { exitCode: 3, summary: / - certificates: the 1 s of the check were over before$/ })
})

t.test('wrong usage is UNKNOWN, too', async (t) => {
  const url = ['--url', 'http://127.0.0.1:1']
  const refused: [string, ...string[]][] = [
    ["option '--sign' needs '--url'"],
    ["unknown option '--warn'", ...url, '--warn'],
    ["option '--sign' cannot be used with option '--slot <index>'", ...url, '--slot', '1'],
    ['what is critical must be a warning before', ...url, '--critical-days', '40'],
    ['what is critical must be a warning before', ...url, '--warning-seconds', '6'],
    ['what is critical must be a warning before', ...url, '--warning-clock', '61'],
    ['Allowed choices are raw, pkcs7.', ...url, '--container', 'cms'],
    ['It must be a number of seconds up to 3600, such as 2.5.', ...url, '--critical-seconds', '0'],
    ['It must be a number of seconds up to 3600, such as 2.5.', ...url, '--critical-seconds', '3601'],
    ['It must be a number of seconds up to 3600, such as 2.5.', ...url, '--critical-seconds', '1e3'],
  ]
  for (const [message, ...args] of refused) {
    const { exitCode, stdout } = await runCommand({}, 'check', '--sign', ...args)
    t.equal(exitCode, 3)
    t.match(stdout, /^SIGNING UNKNOWN - error: .*\n$/)
    t.match(stdout, message)
  }
  const help = await runCommand({}, 'check', '--sign', '--help')
  t.equal(help.exitCode, 0)
  const other = await runCommand({}, 'check', '--level', 'b-t')
  t.match(other, { exitCode: 2, stderr: /option '--level' needs '--sign'/ })
})
