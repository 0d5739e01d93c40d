/** Checks the running service. */
import type { SignerCertificate } from '../../configuration/signer-configuration.ts'
import type { ReadyReply } from '../../plugins/health.ts'
import { describeSubject } from '../../x509/validity.ts'
import type { Report, StepName } from './report.ts'
import { ask, isObject, type Reply, readCertificates, readObject, type Service } from './service-client.ts'

const BUILD_INFO = /^signing_service_build_info\{version="([^"]+)",node_version="([^"]+)"\}/m

export const SERVICE_STEPS: readonly StepName[] = ['service: certificate']

/**
 * Checks whether the service is ready, and reports its version.
 *
 * @returns the service if it answers
 */
export async function checkService(report: Report, service: Service): Promise<Service | 'silent'> {
  const shown = { ...service, url: service.adminUrl ?? service.url }
  const answers = await attempt(report, 'service: ready', async () =>
    reportReady(report, await ask(shown, '/health/ready')),
  )
  if (!answers) {
    report.skip(['service: version'], SILENT)
    return 'silent'
  }
  if (!report.has('service: version')) {
    await attempt(report, 'service: version', async () => reportVersion(report, await ask(shown, '/metrics')))
  }
  return service
}

/**
 * Checks whether the service has the same certificate for a signer.
 *
 * @param signerCertificate undefined if it is not known
 */
export async function checkCertificate(
  report: Report,
  service: Service | 'silent',
  signer: string,
  signerCertificate: SignerCertificate | undefined,
): Promise<void> {
  if (service === 'silent') {
    return report.skip(SERVICE_STEPS, SILENT)
  }
  if (signerCertificate === undefined) {
    return report.skip(SERVICE_STEPS, 'the certificate is not known')
  }
  const body = { action: 'get_certificates', signing_token: JSON.stringify({ signer }) }
  await attempt(report, 'service: certificate', async () => {
    reportLeaf(report, signerCertificate, await ask(service, '/sign', body))
  })
}

const SILENT = 'the service does not answer'
const ELSEWHERE = 'ADMIN_PORT has this: see --admin-url'

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

/** Reports whether the service is ready, and skips its version where the answer shows that another port has it. */
function reportReady(report: Report, { status, body }: Reply): void {
  const reply = readObject(body) ?? {}
  const { hsm, signers } = reply
  const isWhole = isObject(hsm) && isObject(signers) && Object.values(signers).every(isObject)
  if (!isWhole && typeof reply.status !== 'string') {
    throw new Error(`/health/ready answers ${status}, and not as the service does`)
  }
  report[status === 200 ? 'passed' : 'failed'](
    'service: ready',
    `${status}, ${isWhole ? describeSigners(reply as unknown as ReadyReply) : reply.status}`,
  )
  if (!isWhole) {
    report.skip(['service: version'], ELSEWHERE)
  }
}

function describeSigners({ hsm, signers }: Pick<ReadyReply, 'hsm' | 'signers'>): string {
  const others = Object.entries(signers).filter(([, { state }]) => state !== 'ready')
  const states = others.map(([name, signer]) => `signer ${name} ${describeState(signer)}`)
  return [`HSM ${describeState(hsm)}`, ...states].join('; ')
}

function describeState({ state, reason }: { state: string; reason: string | undefined }): string {
  return reason === undefined ? state : `${state}: ${reason}`
}

function reportVersion(report: Report, { status, body }: Reply): void {
  const [, version, node] = BUILD_INFO.exec(body.toString()) ?? []
  if (version === undefined) {
    report.failed('service: version', `/metrics answers ${status} without signing_service_build_info`)
  } else {
    report.passed('service: version', `${version} on Node ${node}`)
  }
}

function reportLeaf(report: Report, { certificate }: SignerCertificate, reply: Reply): void {
  if (reply.status !== 200) {
    const code = readObject(reply.body)?.code ?? ''
    return report.failed('service: certificate', `get_certificates answers ${reply.status} ${code}`.trim())
  }
  const [leaf] = readCertificates(reply)
  if (leaf.raw.equals(certificate.raw)) {
    report.passed('service: certificate', 'get_certificates answers the same certificate')
  } else {
    report.failed(
      'service: certificate',
      `get_certificates answers another certificate: of ${describeSubject(leaf)}, serial ${leaf.serialNumber}`,
    )
  }
}
