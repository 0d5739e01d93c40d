/** Calls the demo's own server: it issues tokens, and has PDFs judged. */
import type { JudgedSignature } from '../judge.ts'
import type { PageSettings } from '../page-server.ts'
import { PageError } from './service.ts'

export type { JudgedSignature, PageSettings }

export async function fetchSettings(): Promise<PageSettings> {
  return (await ask('settings.json')).json()
}

export async function fetchSample(): Promise<Uint8Array> {
  return new Uint8Array(await (await ask('sample.pdf')).arrayBuffer())
}

/** @param kind of the token; `none` gives none */
export async function fetchToken(kind: string): Promise<string | undefined> {
  if (kind === 'none') return undefined
  return (await ask(`token?kind=${encodeURIComponent(kind)}`, { method: 'POST' })).text()
}

/** Returns what pdfsig and OpenSSL say about the signatures of a PDF, in the order of the file. */
export async function fetchVerdicts(pdf: Uint8Array<ArrayBuffer>): Promise<JudgedSignature[]> {
  return (await ask('judge', { method: 'POST', body: pdf })).json()
}

async function ask(path: string, request?: RequestInit): Promise<Response> {
  const response = await fetch(path, request).catch(() => {
    throw new PageError('DEMO_UNREACHABLE', `There is no answer from ${location.origin}`)
  })
  if (!response.ok) throw new PageError('DEMO_REFUSED', await response.text(), { status: response.status })
  return response
}
