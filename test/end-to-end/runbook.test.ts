/** The commands of docs/runbook.md, on SoftHSM, each while that is broken which it is about. */
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ask, CONTAINER_REQUEST, createMaterial, recording } from '../monitoring/material.ts'
import { issue } from '../support/certificates.ts'
import { send } from '../support/http.ts'
import { codeBlocks } from '../support/markdown.ts'
import { readPage } from '../support/pages.ts'
import { findPort } from '../support/ports.ts'
import { childrenOf } from '../support/process-figures.ts'
import { repositoryPath } from '../support/repository.ts'
import { keepSecret } from '../support/secret-watch.ts'
import { startReadyServerProcess, startServerProcess } from '../support/server-process.ts'
import { allIdle, hsmStatus, rawRequest, until } from '../support/signing.ts'
import { callWith, issueServer } from '../support/tls.ts'
import { readWalk } from '../support/walk.ts'

const DAY_MS = 86_400_000

const page = readPage('docs/runbook.md')
/** Blocks that were run. */
const done = new Set<string>()

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const { faulty, authorities, longTerm, plainly } = await createMaterial(directory)
t.teardown(() => authorities.server.close())

/** Returns what is under a heading of the second or third level, up to the next one of either. */
function chapter(heading: string): string {
  const [, rest = ''] = page.split(new RegExp(`^#{2,3} ${heading}$`, 'm'))
  return rest.split(/^#{2,3} /m)[0] as string
}

interface Broken {
  /** Where `SERVICE` is. */
  readonly url: string
  /** All of its log so far. */
  output(): string
  /** Further variables, as the text has them. */
  readonly variables?: Readonly<Record<string, string>>
}

let looks = 0

/** Runs all blocks under a heading, as somebody does who looks at a service. Returns what they print. */
async function look(heading: string, { url, output, variables = {} }: Broken): Promise<string> {
  looks += 1
  const folder = path(`look-${looks}`)
  mkdirSync(folder)
  const log = join(folder, 'log')
  writeFileSync(log, output())
  const text = chapter(heading)
  const { host } = new URL(url)
  const walk = readWalk(text, folder, [
    ['127.0.0.1:6000', host],
    ['docker/monitoring/alerts.yaml', repositoryPath('docker/monitoring/alerts.yaml')],
  ])
  Object.assign(walk.environment, { SERVICE: url, LOG: log, ...variables })
  let printed = ''
  while (walk.left.length > 0) {
    printed += await walk.runNext()
  }
  for (const block of codeBlocks(text, 'sh')) {
    done.add(block)
  }
  return printed
}

/** A table of the page has a row for what was printed. */
function explains(t: Test, heading: string, word: string): void {
  t.match(chapter(heading), new RegExp(`^ *\\| [^|]*\`${word}\``, 'm'), `${heading} explains ${word}`)
}

t.test('all is well', async (t) => {
  const server = await startReadyServerProcess(t, { ...longTerm(), ...recording(path('well')) })
  const service = { ...server, url: server.address }
  await ask(service)

  await t.test('the looks say so', async (t) => {
    t.equal(
      await look('Ready', service),
      'service: ready\nsigner default: ready, token test \naudit log: recording\n',
    )
    t.match(await look('Refused', service), /code="UNKNOWN_ACTION",status_code="400"\} 1\n/)
    await until('it is logged', () => service.output().includes('UNKNOWN_ACTION'))
    const line = await look('Log', service)
    t.match(line, '"code":"UNKNOWN_ACTION"')
    const [, id = ''] = /"requestId":"([^"]+)"/.exec(line) ?? []
    t.match(await look('One request', { ...service, variables: { REQUEST_ID: id } }), `"requestId":"${id}"`)
  })

  await t.test('the address of the runbook stands in the rules', async (t) => {
    await look('Before it is needed', service)
    t.match(
      readFileSync(path(`look-${looks}/alerts.yaml`), 'utf8'),
      '\n          runbook_url: https://wiki.example.com/signing-service/docs/runbook.md#signingservicedown\n',
    )
  })

  await t.test('nothing is overdue or missing', async (t) => {
    t.match(await look('SigningServiceRevocationInformationOld', service), /\{signer="default"\} [\d.]+\n/)
    t.match(await look('SigningServiceConnectionsShed', service), /_limit 384\n/)
    t.match(await look('SigningServiceLogNotWritten', service), /dropped_lines_total 0\n/)
    const audit = { ...service, variables: { AUDIT_FILE: path('well/audit.jsonl') } }
    t.match(await look('SigningServiceAuditDiskFills', audit), /audit\.jsonl\n/)
    t.equal(await look('SigningServiceAuditCheckpointOverdue', service), '')
  })
})

t.test('Document Engine says that the signing service is not available', async (t) => {
  const service = await startReadyServerProcess(t, plainly())
  const { address: url } = service
  const heading = 'Signing service not available'
  t.match(await look(heading, { ...service, url }), /^405 in /)
  explains(t, heading, '405')
  const nobody = await look(heading, { ...service, url: `http://127.0.0.1:${await findPort()}` })
  t.match(nobody, /^000 in .*\ncurl ended with 7\n$/)
  t.match(chapter(heading), /^\| 7, connection refused \|/m)
  t.match(await look('SigningServiceDown', { ...service, url }), /^200\n/)
})

t.test('the HSM is away', async (t) => {
  const variables: Record<string, string> = { ...plainly(), HSM_KEEPALIVE_MS: '1000', HSM_TIMEOUT_MS: '1000' }
  const service = await startReadyServerProcess(t, variables)
  const { address: url } = service
  faulty.plan('* absent')
  t.teardown(() => faulty.plan())
  await until('it is missed', async () => (await hsmStatus(url)).state === 'unavailable')
  await ask({ url })
  await until('it is logged', () => service.output().includes('HSM_UNAVAILABLE'))
  const broken = { ...service, url, variables: { HSM_MODULE: `${variables.HSM_MODULE}` } }
  t.match(
    await look('SigningServiceRequestsFail', broken),
    /"signer":"default","refusal":"The HSM cannot sign/,
  )
  t.match(page, /^\| `HSM_UNAVAILABLE` \| wake HSM \| \[SigningServiceTokenNotReady\]/m)
  t.match(
    await look('Ready', broken),
    /^signer default: unavailable, token test (?:the token is not present|a session cannot be opened \(CKR_\w+\))$/m,
  )
  const printed = await look('SigningServiceTokenNotReady', broken)
  t.match(printed, /return_value="CKR_DEVICE_REMOVED"\} [1-9]/)
  t.match(chapter('SigningServiceTokenNotReady'), /^ *\| `unavailable`, the token is not present \|/m)
  faulty.plan()
  await until('it is back by itself', async () => (await hsmStatus(url)).state === 'ready')
})

t.test('the PIN is refused', async (t) => {
  const pin = 'wrong-4711'
  keepSecret('the wrong PIN', pin)
  writeFileSync(path('wrong-pin'), pin)
  const variables: Record<string, string> = { ...plainly(), HSM_PIN_FILE: path('wrong-pin') }
  const service = startServerProcess(t, variables)
  const url = await service.url
  await until('it is refused', async () => (await hsmStatus(url)).state === 'pin refused')
  const broken = { ...service, url, variables: { HSM_MODULE: `${variables.HSM_MODULE}` } }
  t.match(await look('Ready', broken), /^signer default: pin refused, token test the token refused the PIN/m)
  const before = faulty.calls('C_Login')
  t.match(await look('SigningServiceTokenNotReady', broken), /return_value="CKR_PIN_INCORRECT"\} 1\n/)
  t.equal(faulty.calls('C_Login'), before, 'which no look has tried again')
  explains(t, 'SigningServiceTokenNotReady', 'pin refused')
  writeFileSync(path('wrong-pin'), readFileSync(`${plainly().HSM_PIN_FILE}`))
  service.child.kill('SIGHUP')
  await until('the corrected one counts', async () => (await hsmStatus(url)).state === 'ready')
})

t.test('the certificate has expired', async (t) => {
  const [notBefore, notAfter] = [new Date(Date.now() - 2 * DAY_MS), new Date(Date.now() - DAY_MS)]
  const variables = { ...plainly(), ...longTerm({ notBefore, notAfter }), LEVEL: 'b-b' }
  const service = startServerProcess(t, variables)
  const url = await service.url
  await until('the token is ready', async () => (await hsmStatus(url)).state === 'ready')
  const broken = { ...service, url, variables }
  t.match(await look('Ready', broken), /^signer default: certificate not valid, .* expired at /m)
  explains(t, 'SigningServiceSignerNotReady', 'certificate not valid')
  const printed = await look('SigningServiceCertificateExpires', broken)
  t.match(printed, /^signing_service_certificate_days_left\{signer="default"\} -1\./m)
  const told = new Date(/Not After : (.*)/.exec(printed)?.[1] ?? '')
  t.ok(Math.abs(told.getTime() - notAfter.getTime()) < 2000, printed)
})

t.test('the timestamp authority is away', async (t) => {
  const service = await startReadyServerProcess(t, longTerm())
  const { address: url } = service
  const broken = { ...service, url, variables: { TSA_URL: authorities.timestampUrl } }
  const heading = 'SigningServiceTimestampAuthorityAway'
  t.match(await look(heading, broken), /^200\nStatus info:\nStatus: Granted\.\n/m)
  authorities.server.on('/timestamp', (_, response) => {
    response.statusCode = 503
    return Buffer.of()
  })
  await ask({ url })
  await until('it is known', async () => (await look('Ready', broken)).includes('timestamp authority away'))
  explains(t, 'SigningServiceSignerNotReady', 'timestamp authority away')
  const printed = await look(heading, broken)
  t.match(printed, /"outcome":"http_error","msg":"No timestamp: .* answered with the HTTP status 503"/)
  t.match(printed, /^503\nno timestamp\n/m)
  explains(t, heading, 'http_error')

  await t.test('and containers are made without it', async (t) => {
    const lenient = await startReadyServerProcess(t, { ...longTerm(), LEVEL: 'b-t', TSA_FALLBACK: 'b-b' })
    await ask({ url: lenient.address })
    await until('it is logged', () => lenient.output().includes('"shortfall"'))
    t.match(
      await look('SigningServiceContainersBelowLevel', { ...lenient, url: lenient.address }),
      /"containerLevel":"b-b","shortfall":"TIMESTAMP_UNAVAILABLE"/,
    )
  })
})

t.test('the disk of the audit log is full', async (t) => {
  const variables = recording(path('full'))
  let reason = 'ENOSPC'
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', path('full')])
    t.teardown(() => execFileSync('umount', ['--lazy', path('full')]))
  } catch {
    // Nobody but root mounts a disk: without its folder the file cannot be written either
    reason = 'ENOENT'
  }
  const service = await startReadyServerProcess(t, { ...plainly(), ...variables })
  const { address: url } = service
  if (reason === 'ENOSPC') {
    execFileSync('sh', ['-c', `cat /dev/zero >"$1"/other 2>/dev/null || true`, 'sh', path('full')])
  } else {
    rmSync(path('full'), { recursive: true })
  }
  await until('it cannot be written', async () => {
    await ask({ url })
    return (await send(`${url}/health/ready`)).statusCode === 503
  })
  await until('it is logged', () => service.output().includes('the audit log cannot be written'))
  const broken = { ...service, url, variables }
  t.match(await look('Ready', broken), /^audit log: unavailable$/m)
  const printed = await look('SigningServiceAuditUnavailable', broken)
  t.match(printed, `"reason":"${reason}"`)
  t.match(printed, reason === 'ENOSPC' ? / 100% / : '')
  explains(t, 'SigningServiceAuditUnavailable', reason)
  if (reason === 'ENOSPC') {
    rmSync(join(path('full'), 'other'))
    await until('it goes on by itself', async () => (await send(`${url}/health/ready`)).statusCode === 200)
  }
})

t.test('the HSM is slow', async (t) => {
  const service = await startReadyServerProcess(t, { ...plainly(), HSM_QUEUE_LIMIT: '1' })
  const { address: url } = service
  await allIdle(url)
  faulty.plan('C_Sign delay 400')
  t.teardown(() => faulty.plan())
  const broken = { ...service, url }
  let isAsking = true
  const asking = (async () => {
    while (isAsking) {
      await Promise.all([1, 2, 3].map(() => ask({ url })))
    }
  })()
  const printed = await look('SigningServiceHsmSlow', broken)
  isAsking = false
  await asking
  const [, calls, ms] = /^test: (\d+) signatures, ([\d.]+) ms each$/m.exec(printed) ?? []
  t.ok(Number(calls) > 0 && Number(ms) >= 400, printed)
  t.match(printed, /^signing_service_hsm_sessions\{token="test",state="busy"\} 1$/m)
  t.match(await look('SigningServiceHsmBusy', broken), /^ *\d+ "unknown"\n$/)
  t.match(await look('SigningServiceSessionsShort', broken), /return_value="CKR_OK"\} 1\n/)
})

t.test('something ends the signer process, and the service', async (t) => {
  const service = await startReadyServerProcess(t, plainly())
  const { address: url, child } = service
  const broken = { ...service, url }
  const [signer] = childrenOf(Number(child.pid))
  process.kill(Number(signer), 'SIGKILL')
  await until('it is logged', () => service.output().includes('starting the signer process again'))
  t.match(
    await look('SigningServiceSignerProcessRestarts', broken),
    /"token":"test","msg":"starting .*SIGKILL/,
  )
  child.kill('SIGTERM')
  await service.exited
  const printed = await look('SigningServiceRestarts', broken)
  t.match(printed, /"signal":"SIGTERM"/)
  t.equal(printed.match(/^\{"at":"\d{4}-\d\d-\d\dT[\d:]+Z"/gm)?.length, printed.trim().split('\n').length)
  t.match(await look('SigningServiceDown', broken), /^000\ncurl ended with 7\n$/)
})

t.test('a changed configuration is refused, and another one waits', async (t) => {
  const file = path('changing.pem')
  const variables = { ...plainly(), SIGNER_CERTIFICATE_FILE: file, SIGNERS_RELOAD_INTERVAL_MS: '0' }
  const right = readFileSync(`${plainly().SIGNER_CERTIFICATE_FILE}`)
  writeFileSync(file, right)
  const service = await startReadyServerProcess(t, variables)
  const broken = { ...service, url: service.address }
  writeFileSync(file, 'no certificate')
  service.child.kill('SIGHUP')
  await until('it is refused', () => service.output().includes('the new configuration was refused'))
  t.match(await look('SigningServiceReloadRefused', broken), '"variable":"SIGNER_CERTIFICATE_FILE"')
  const notBefore = new Date(Date.now() + DAY_MS)
  writeFileSync(file, readFileSync(`${longTerm({ notBefore }).SIGNER_CERTIFICATE_FILE}`))
  service.child.kill('SIGHUP')
  await until('it is pending', () => service.output().includes('the new configuration is pending'))
  t.match(await look('SigningServiceReloadPending', broken), /pending/)
})

t.test('more is asked for than a limit allows', async (t) => {
  const service = await startReadyServerProcess(t, { ...plainly(), RATE_LIMIT_PER_SIGNER: '1' })
  const { address: url } = service
  await ask({ url })
  await until('it is logged', () => service.output().includes('RATE_LIMITED'))
  t.match(await look('SigningServiceRateLimited', { ...service, url }), /^ *1 "unknown"\n$/)
})

t.test('the certificate was revoked', async (t) => {
  const variables = plainly()
  const certificate = new X509Certificate(readFileSync(`${variables.SIGNER_CERTIFICATE_FILE}`))
  authorities.issuing.revoke(certificate, new Date(Date.now() - 60_000), 'keyCompromise')
  const service = startServerProcess(t, variables)
  const url = await service.url
  await until('it is known', () => service.output().includes('was revoked at'))
  t.match(
    await look('SigningServiceCertificateRevoked', { ...service, url }),
    /was revoked at .*: key compromise\n$/,
  )
})

t.test('nobody tells whether certificates were revoked', async (t) => {
  const extension = 'authorityInfoAccess = OCSP;URI:http://127.0.0.1:9/'
  const service = startServerProcess(t, longTerm({ extension }))
  const url = await service.url
  await until('it is logged', () => service.output().includes('No revocation information from OCSP'))
  t.match(
    await look('SigningServiceRevocationInformationMissing', { ...service, url }),
    /^No revocation information from OCSP about O=Test, CN=Signer: http:\/\/127\.0\.0\.1:9\//m,
  )
})

t.test('what the port shows by TLS', async (t) => {
  const root = issue(directory, { subject: '/CN=Root', ca: true })
  const { certificateFile, keyFile } = issueServer(directory, root)
  const variables = { ...plainly(), TLS_CERT_FILE: certificateFile, TLS_KEY_FILE: keyFile }
  const tls = callWith(root)
  const service = await startReadyServerProcess(t, variables, undefined, tls)
  const { address: url } = service
  const answer = await send(`${url}/sign`, { method: 'POST', body: JSON.stringify(CONTAINER_REQUEST), tls })
  t.equal(answer.statusCode, 200)
  const raw = await send(`${url}/sign`, { method: 'POST', body: JSON.stringify(rawRequest('one')), tls })
  t.equal(raw.statusCode, 200)
  t.match(
    await look('SigningServiceTlsCertificateExpires', { ...service, url }),
    /^subject=CN = signing-service\nnotAfter=/,
  )
})

t.test('each command was run', async (t) => {
  t.same(
    codeBlocks(page, 'sh').filter((block) => !done.has(block)),
    [],
  )
})
