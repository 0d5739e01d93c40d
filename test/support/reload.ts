/** What a service says of changed configurations, and who signs meanwhile. */
import { createHash, X509Certificate } from 'node:crypto'
import type { ReloadOutcome } from '../../src/signers/reloading.ts'
import { send } from './http.ts'
import type { SignerPart } from './readiness.ts'
import { scrape } from './scrape.ts'
import type { Service } from './service.ts'
import { tokenFor } from './signers.ts'
import { until } from './signing.ts'
import { verifyCms } from './validators/openssl.ts'

export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly variable?: string
}

/** All lines of a log so far. */
export function logLines(log: string): LogLine[] {
  return log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as LogLine)
}

/** How often each outcome was logged, and how often reading began. */
export function countReloads({ log }: Pick<Service, 'log'>) {
  const messages = logLines(log()).map(({ msg }) => msg)
  const count = (beginning: string) => messages.filter((msg) => msg.startsWith(beginning)).length
  return {
    begun: count('reading the configuration of the signers anew'),
    takenOver: count('the signers were taken over'),
    pending: count('the new configuration is pending'),
    refused: count('the new configuration was refused'),
  }
}

/** Changes something, waits until one more configuration was taken over, pending or refused, and tells which. */
export async function afterReload(service: Pick<Service, 'log'>, act: () => unknown): Promise<ReloadOutcome> {
  const before = countReloads(service)
  await act()
  await until(
    'a configuration was taken over, pending or refused',
    () => outcomeSince(service, before) !== undefined,
  )
  return outcomeSince(service, before) as ReloadOutcome
}

function outcomeSince(
  service: Pick<Service, 'log'>,
  before: ReturnType<typeof countReloads>,
): ReloadOutcome | undefined {
  const { takenOver, pending, refused } = countReloads(service)
  if (takenOver > before.takenOver) {
    return 'taken over'
  }
  if (refused > before.refused) {
    return 'refused'
  }
  return pending > before.pending ? 'pending' : undefined
}

/** Messages of problems with the configuration since the log had so many characters, as they stand there. */
export function problemsSince({ log }: Pick<Service, 'log'>, start: number): string[] {
  return logLines(log().slice(start))
    .filter(({ level, variable }) => level >= 40 && variable !== undefined)
    .map(({ msg }) => msg)
}

/** What /health/ready and /metrics say of the last try. */
export async function reloadStatus(url: string) {
  const ready = await send(`${url}/health/ready`)
  const { configuration, signers } = ready.json() as {
    configuration: { since: string; reload?: { outcome: string; at: string; reason?: string } }
    signers: Record<string, SignerPart>
  }
  const { samples } = await scrape(url)
  return {
    statusCode: ready.statusCode,
    outcome: configuration.reload?.outcome,
    reason: configuration.reload?.reason,
    since: configuration.since,
    signers,
    refused: samples.get('signing_service_reload_refused'),
    pending: samples.get('signing_service_reload_pending'),
    taken: samples.get('signing_service_reloads_total{outcome="taken_over"}'),
    samples,
  }
}

/** Matches what `signsWith` returns of a signer that signs: openssl's serial numbers may begin with an octet of zeros. */
export const SERIAL_NUMBER = /^[0-9A-F]{30,40}$/

/** Serial number of the certificate that a signer answers, and signs with as OpenSSL sees it; or the error's code. */
export async function signsWith(url: string, signer: string): Promise<string> {
  const ask = (body: object) => {
    const content = JSON.stringify({ ...body, signing_token: tokenFor(signer) })
    return send(`${url}/sign`, { method: 'POST', body: content })
  }
  const text = createHash('sha256').update(`${Math.random()}`).digest()
  const [known, signed] = await Promise.all([
    ask({ action: 'get_certificates' }),
    ask({ action: 'sign_pkcs7', encoded_contents: text.toString('base64'), signature_type: 'cades' }),
  ])
  if (signed.statusCode !== 200) {
    return `${signed.json().code}`
  }
  const { certificates } = known.json() as { certificates: [string] }
  const { serialNumber, raw } = new X509Certificate(Buffer.from(certificates[0], 'base64'))
  const { valid, message } = await verifyCms({ cms: signed.body, content: text })
  const embedded = signed.body.includes(raw)
  return valid && embedded ? serialNumber : `wrong: ${message} ${embedded ? '' : 'another certificate'}`
}
