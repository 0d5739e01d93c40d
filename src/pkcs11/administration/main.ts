/**
 * The process that works on a token for the command line: it carries out one order and ends. It is a process of its own,
 * since only from outside can an end be made of a library that hangs or crashes.
 */
import { startWatchdog } from '../process/start-watchdog.ts'
import type { TokenSession } from '../process/user-session.ts'
import { deleteCertificate, importCertificate, listCertificates } from './certificates.ts'
import type { CheckRequest, Progress } from './check.ts'
import { deleteKey } from './delete-key.ts'
import type { EvidenceRequest } from './evidence.ts'
import { explain, type Failure } from './failure.ts'
import { describeNamedKey } from './find-key.ts'
import { generateKey, listKeys } from './keys.ts'
import { type AdministrationAccess, closeLibrary, logIn } from './session.ts'
import { listTokens } from './tokens.ts'

/** Operations that the process can be ordered to do. Arguments and results travel between the processes. */
const operations = {
  tokens: listTokens,
  keys: reading(listKeys),
  'find-key': reading(describeNamedKey),
  keygen: writing(generateKey),
  /** Describes a key, unless nothing can be deleted from the token. */
  'plan-deletion': writing(describeNamedKey),
  'delete-key': writing(deleteKey),
  'import-cert': writing(importCertificate),
  certs: reading(listCertificates),
  'delete-cert': writing(deleteCertificate),
  async evidence(access: AdministrationAccess, request: EvidenceRequest) {
    // It verifies signatures, as a check does
    const { collectEvidence } = await import('./evidence.ts')
    return collectEvidence(access, request)
  },
  /** All that there is to say is told as progress. */
  async check(access: AdministrationAccess, request: CheckRequest) {
    // It verifies signatures, and takes longer to load than the rest together
    const { checkToken } = await import('./check.ts')
    for await (const progress of checkToken(access, request)) {
      await send({ type: 'progress', progress })
    }
  },
}

export type Operations = typeof operations

export interface Order {
  readonly operation: keyof Operations
  readonly input: readonly unknown[]
}

export type Answer =
  | { readonly type: 'done'; readonly result: unknown }
  | { readonly type: 'failed'; readonly failure: Failure }

export type FromAdministration = Answer | { readonly type: 'progress'; readonly progress: Progress }

type Act<Rest extends unknown[], Result> = (session: TokenSession, ...rest: Rest) => Result

/** Makes an operation of what reads with the user logged in. */
function reading<Rest extends unknown[], Result>(act: Act<Rest, Result>) {
  return async (access: AdministrationAccess, ...rest: Rest) => act(await logIn(access, false), ...rest)
}

/** Makes an operation of what changes the token with the user logged in. */
function writing<Rest extends unknown[], Result>(act: Act<Rest, Result>) {
  return async (access: AdministrationAccess, ...rest: Rest) => act(await logIn(access, true), ...rest)
}

async function answer({ operation, input }: Order): Promise<Answer> {
  const act = operations[operation] as (...input: readonly unknown[]) => unknown
  try {
    return { type: 'done', result: await act(...input) }
  } catch (error) {
    return { type: 'failed', failure: explain(error) }
  }
}

/** Settles when the message is on its way: the next call may block this thread for ever. */
function send(message: FromAdministration): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()))
}

// Before anything can hang
startWatchdog(Number(process.argv[2]), 0)
process.once('message', async (order: Order) => {
  await send(await answer(order))
  try {
    closeLibrary()
  } finally {
    process.exit()
  }
})
