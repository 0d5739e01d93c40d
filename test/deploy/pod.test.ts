/** The pods of the chart, started without a container engine, sign with a token of SoftHSM. */

import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { issue } from '../support/certificates.ts'
import { runCommand } from '../support/command.ts'
import { send } from '../support/http.ts'
import { findPort } from '../support/ports.ts'
import { childrenOf } from '../support/process-figures.ts'
import { until } from '../support/signing.ts'
import { callWith, issueServer } from '../support/tls.ts'
import { createSigningToken, PIN } from '../support/token.ts'
import { verifySignature } from '../support/validators/openssl.ts'
import { type Manifest, type PodSpec, render } from './chart.ts'
import { createVolumes, imageOf, type Process, startContainer } from './pod.ts'
import { HELM, withoutBubblewrap, withoutTool } from './tools.ts'

const skip = withoutTool(HELM) || withoutBubblewrap()

const podOf = ({ spec }: Manifest): PodSpec => spec.template?.spec as PodSpec

/** Waits until a pod is ready, as its probe asks; a container that has ended is told with its output. */
async function untilReady({ child, output }: Process, adminPort: number): Promise<void> {
  await until('the pod is ready', async () => {
    if (child.exitCode !== null) {
      throw new Error(output())
    }
    const asked = send(`http://127.0.0.1:${adminPort}/health/ready`)
    return asked.then(
      ({ statusCode }) => statusCode === 200,
      () => false,
    )
  })
}

const data = 'to be signed'
const body = (signingToken: string) =>
  JSON.stringify({
    action: 'sign',
    data_to_be_signed: Buffer.from(data).toString('base64'),
    hash_algorithm: 'sha256',
    signing_token: signingToken,
  })

/** Returns the processes below another one that run Node.js, the topmost first. */
function nodesBelow(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [
    ...(/^(\/\S*\/)?node\0/.test(readFileSync(`/proc/${child}/cmdline`, 'utf8')) ? [child] : []),
    ...nodesBelow(child),
  ])
}

t.test(
  'the pod of values-cloudhsm.yaml signs, with SoftHSM under the name of AWS’s library',
  { skip },
  async (t) => {
    const directory = t.testdir()
    const path = (...names: string[]) => join(directory, ...names)
    const { token, certificates } = await createSigningToken(path('token'), { label: 'contracts' })
    const read = (file: string) => readFileSync(file, 'utf8')

    const access = { ACCESS_FILE: path('access.json') }
    const signingToken = (await runCommand(access, 'user', 'add', 'document-engine')).stdout.trim()
    const [port, adminPort] = [await findPort(), await findPort()]
    const rendered = render({
      files: ['values-cloudhsm.yaml'],
      values: {
        service: { port },
        // However busy this machine is
        check: { options: ['--warning-seconds=60', '--critical-seconds=60'] },
        settings: { SHUTDOWN_DELAY_MS: 500 },
        signers: {
          certificates: { 'contracts.pem': read(certificates.leaf), 'ca.pem': read(certificates.bundle) },
        },
        library: {
          configuration: { files: { 'softhsm2.conf': 'directories.tokendir = /opt/cloudhsm/run/tokens\n' } },
        },
        extraEnv: [{ name: 'SOFTHSM2_CONF', value: '/opt/cloudhsm/etc/softhsm2.conf' }],
      },
    })

    const { dnsNames } = rendered.only('Certificate').spec as { dnsNames: string[] }
    const root = issue(directory, { subject: '/CN=Root', ca: true })
    const names = [...dnsNames.map((name) => `DNS:${name}`), 'IP:127.0.0.1'].join(', ')
    const server = issueServer(directory, root, { extensions: [`subjectAltName = ${names}`] })
    const secrets = {
      'hsm-pin': { pin: PIN },
      'signing-service-access': { 'access.json': read(access.ACCESS_FILE) },
      'signing-service-check': { token: signingToken },
      'signing-service-tls': {
        'tls.crt': read(server.certificateFile),
        'tls.key': read(server.keyFile),
        'ca.crt': read(root.certificateFile),
      },
    }

    const pod = podOf(rendered.only('StatefulSet'))
    const [copying] = pod.initContainers ?? []
    const [container] = pod.containers
    if (copying === undefined) {
      throw new Error('no init container has the library')
    }
    mkdirSync(path('volumes'))
    const volumes = createVolumes(path('volumes'), pod, rendered, secrets)
    const library = path('library')
    for (const folder of ['lib', 'etc', 'run']) {
      mkdirSync(join(library, folder), { recursive: true })
    }
    copyFileSync(token.environment.HSM_MODULE ?? '', join(library, 'lib/libcloudhsm_pkcs11.so'))
    const copied = startContainer(t, copying, {
      image: { entrypoint: [], command: [], folders: { '/opt/cloudhsm': library } },
      volumes,
    })
    t.equal(await copied.exited, 0, copied.output())
    cpSync(join(token.directory, 'tokens'), join(volumes.get('library-writable') ?? '', 'tokens'), {
      recursive: true,
    })

    const ports = { SIGNING_SERVICE_PORT: `${port}`, ADMIN_PORT: `${adminPort}` }
    const service = startContainer(t, container, { image: imageOf('service'), volumes, ports })
    await untilReady(service, adminPort)

    const tls = { ...callWith(root), servername: 'signing-service.signing.svc' }
    const { statusCode, body: signature } = await send(`https://127.0.0.1:${port}/sign`, {
      method: 'POST',
      body: body(signingToken),
      tls,
    })
    t.equal(statusCode, 200)
    const { valid, message } = await verifySignature({
      certificate: read(certificates.leaf),
      hash: 'sha256',
      data: Buffer.from(data),
      signature,
    })
    t.ok(valid, message)
    const refused = await send(`https://127.0.0.1:${port}/sign`, {
      method: 'POST',
      body: body('someone'),
      tls,
    })
    t.equal(refused.statusCode, 401)

    const audit = volumes.get('audit') ?? ''
    t.ok(readdirSync(audit).includes('audit.jsonl'))
    t.match(read(join(audit, 'audit.jsonl')), /"outcome":"signed".*"subject":"document-engine"/)

    await t.test('the check of the CronJob finds that it signs', async (t) => {
      const checking = rendered.only('CronJob').spec.jobTemplate?.spec.template.spec as PodSpec
      const [check] = checking.containers
      mkdirSync(path('check'))
      const hosts = path('hosts')
      writeFileSync(hosts, '127.0.0.1 localhost signing-service signing-service-replicas\n')
      const checked = startContainer(
        t,
        { ...check, args: (check.args ?? []).map((argument) => argument.replace(':9090', `:${adminPort}`)) },
        {
          image: { ...imageOf('service'), folders: { '/etc/hosts': hosts } },
          volumes: createVolumes(path('check'), checking, rendered, secrets),
        },
      )
      t.equal(await checked.exited, 0, checked.output())
      t.match(checked.output(), /^SIGNING OK - 1 signer signs: /)
    })

    await t.test('without rights, core dumps and a file system to write to', async (t) => {
      const nodes = nodesBelow(service.child.pid ?? 0)
      t.ok(nodes.length >= 2, 'the HTTP process and a signer process')
      for (const pid of nodes) {
        const status = read(`/proc/${pid}/status`)
        t.match(status, /^CapPrm:\t0+$/m)
        t.match(status, /^NoNewPrivs:\t1$/m)
        t.match(read(`/proc/${pid}/limits`), /^Max core file size +0 +0 /m)
        t.match(read(`/proc/${pid}/mountinfo`), /^\S+ \S+ \S+ \S+ \/ ro/m)
      }
    })

    await t.test('and ends when it is told to', async (t) => {
      const [http = 0] = nodesBelow(service.child.pid ?? 0)
      process.kill(http, 'SIGTERM')
      t.equal(await service.exited, 0, service.output())
    })
  },
)

t.test('the pod of values-softhsm.yaml signs', { skip }, async (t) => {
  const directory = t.testdir()
  const rendered = render({ files: ['values-softhsm.yaml'] })
  const pod = podOf(rendered.only('Deployment'))
  const volumes = createVolumes(directory, pod, rendered, {})
  const [port, adminPort] = [await findPort(), await findPort()]
  const service = startContainer(t, pod.containers[0], {
    image: imageOf('softhsm'),
    volumes,
    ports: { SIGNING_SERVICE_PORT: `${port}`, ADMIN_PORT: `${adminPort}` },
  })
  await untilReady(service, adminPort)

  const demo = (...names: string[]) => readFileSync(join(volumes.get('demo') ?? '', ...names), 'utf8')
  const answer = await send(`http://127.0.0.1:${port}/sign`, {
    method: 'POST',
    body: body(demo('signing-token-not-for-production').trim()),
  })
  t.equal(answer.statusCode, 200)
  const { valid, message } = await verifySignature({
    certificate: demo('certificates-not-for-production', 'leaf.pem'),
    hash: 'sha256',
    data: Buffer.from(data),
    signature: answer.body,
  })
  t.ok(valid, message)
})
