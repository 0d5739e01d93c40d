/** Which signers and tokens of a service are ready, as it tells those who watch it. */
import { send } from './http.ts'
import { scrape } from './scrape.ts'
import type { Service } from './service.ts'
import type { SignersFolder } from './signers.ts'

/** Variables of a service that soon notices what becomes of its tokens, and changes at SIGHUP alone. */
export function watchfulEnvironment({ environment }: SignersFolder): Record<string, string> {
  return {
    ...environment,
    SIGNERS_RELOAD_INTERVAL_MS: '0',
    HSM_SESSIONS: '1',
    HSM_KEEPALIVE_MS: '1000',
    // Longer than it takes to start another signer process
    HSM_TIMEOUT_MS: '20000',
  }
}

export interface SignerPart {
  readonly state: string
  readonly since: string
  readonly reason?: string
  readonly token: string
  readonly certificate?: { readonly notAfter: string }
}

/** Status and body of /health/ready. */
export async function health({ url }: Pick<Service, 'url'>) {
  const { statusCode, json } = await send(`${url}/health/ready`)
  const body = json() as {
    status: string
    hsm: { state: string; since: string; reason?: string }
    signers: Record<string, SignerPart>
  }
  return { statusCode, ...body }
}

/** 1 or 0; undefined where there is no such metric. */
export async function signerReady(service: Pick<Service, 'url'>, name: string): Promise<number | undefined> {
  return (await scrape(service.url)).samples.get(`signing_service_signer_ready{signer="${name}"}`)
}

/** The same of a token, by its label. */
export async function tokenReady(service: Pick<Service, 'url'>, label: string): Promise<number | undefined> {
  return (await scrape(service.url)).samples.get(`signing_service_hsm_ready{token="${label}"}`)
}
