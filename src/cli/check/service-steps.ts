/** Checks the running service. */
import type { X509Certificate } from 'node:crypto'
import type { SignerCertificate } from '../../configuration/signer-configuration.ts'
import type { ReadyReply } from '../../plugins/health.ts'
import { parseCertificates } from '../../x509/certificate-file.ts'
import { describeSubject } from '../../x509/validity.ts'
import type { StepName } from './advice.ts'
import { type Reply, send } from './http.ts'
import type { Report } from './report.ts'

const BUILD_INFO = /^signing_service_build_info\{version="([^"]+)",node_version="([^"]+)"\}/m

interface Service {
  readonly url: URL
  readonly limitMs: number
}

/** The certificate that the service should have for a signer; undefined if it is not known. */
interface Expected {
  readonly name: string
  readonly signerCertificate: SignerCertificate | undefined
}

export const SERVICE_STEPS: readonly StepName[] = ['service: certificate']

/**
 * Checks whether the service is ready, and reports its version.
 *
 * @returns the service if it answers
 */
export async function checkService(report: Report, service: Service): Promise<Service | 'silent'> {
  const answers = await attempt(report, 'service: ready', async () =>
    reportReady(report, await ask(service, '/health/ready')),
  )
  if (!answers) {
    report.skip(['service: version'], SILENT)
    return 'silent'
  }
  await attempt(report, 'service: version', async () => reportVersion(report, await ask(service, '/metrics')))
  return service
}

/** Checks whether the service has the same certificate for a signer. */
export async function checkCertificate(
  report: Report,
  service: Service | 'silent',
  { name, signerCertificate }: Expected,
): Promise<void> {
  if (service === 'silent') {
    return report.skip(SERVICE_STEPS, SILENT)
  }
  if (signerCertificate === undefined) {
    return report.skip(SERVICE_STEPS, 'the certificate is not known')
  }
  const body = { action: 'get_certificates', signing_token: JSON.stringify({ signer: name }) }
  await attempt(report, 'service: certificate', async () => {
    reportLeaf(report, signerCertificate, await ask(service, '/sign', body))
  })
}

const SILENT = 'the service does not answer'

function ask({ url, limitMs }: Service, path: string, body?: object): Promise<Reply> {
  return send(new URL(path, url), limitMs, body)
}

/** Runs a step, and returns whether there was an answer that could be read, good or bad. */
async function attempt(report: Report, name: StepName, act: () => Promise<void>): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    report.failed(name, (error as Error).message)
    return false
  }
}

function reportReady(report: Report, { status, body }: Reply): void {
  const { hsm, signers } = JSON.parse(body) as ReadyReply
  const others = Object.entries(signers).filter(([, { state }]) => state !== 'ready')
  const states = [
    `${status}, HSM ${describeState(hsm)}`,
    ...others.map(([name, signer]) => `signer ${name} ${describeState(signer)}`),
  ]
  report[status === 200 ? 'passed' : 'failed']('service: ready', states.join('; '))
}

function describeState({
  state,
  reason,
}: {
  readonly state: string
  readonly reason: string | undefined
}): string {
  return reason === undefined ? state : `${state}: ${reason}`
}

function reportVersion(report: Report, { status, body }: Reply): void {
  const [, version, node] = BUILD_INFO.exec(body) ?? []
  if (version === undefined) {
    report.failed('service: version', `/metrics answers ${status} without signing_service_build_info`)
  } else {
    report.passed('service: version', `${version} on Node ${node}`)
  }
}

function reportLeaf(report: Report, { certificate }: SignerCertificate, { status, body }: Reply): void {
  const reply = JSON.parse(body)
  if (status !== 200) {
    return report.failed('service: certificate', `get_certificates answers ${status} ${reply.code}`)
  }
  // Each entry of `certificates` is base64 of PEM
  const [leaf] = parseCertificates(Buffer.from(reply.certificates[0], 'base64')) as [X509Certificate]
  if (leaf.raw.equals(certificate.raw)) {
    report.passed('service: certificate', 'get_certificates answers the same certificate')
  } else {
    report.failed(
      'service: certificate',
      `get_certificates answers another certificate: of ${describeSubject(leaf)}, serial ${leaf.serialNumber}`,
    )
  }
}
