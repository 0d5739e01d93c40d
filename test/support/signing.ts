/** Many requests to sign at once, and what became of them. */
import { verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, send } from './http.ts'

/** The body of a request to sign a text with PKCS#1 v1.5 and SHA-256. */
export function rawRequest(text: string) {
  return {
    action: 'sign',
    data_to_be_signed: Buffer.from(text).toString('base64'),
    hash_algorithm: 'sha256',
    signature_type: 'cms',
  }
}

/** `signed` when the signature verifies with node:crypto, `wrong signature`, or the error's code. */
export function outcome(answer: Answer, text: string, publicKey: string): string {
  if (answer.statusCode !== 200) {
    return `${answer.json().code}`
  }
  const valid = verify('sha256', Buffer.from(text), readFileSync(publicKey), answer.body)
  return valid ? 'signed' : 'wrong signature'
}

/**
 * Sends `count` different requests at once.
 *
 * @param publicKey path of the PEM file
 * @returns how often there was which outcome, for example `{ signed: 15, HSM_TIMEOUT: 1 }`
 */
export async function signMany(
  url: string,
  publicKey: string,
  count: number,
): Promise<Record<string, number>> {
  const outcomes = await Promise.all(
    Array.from({ length: count }, async (_, number) => {
      const text = `document ${number}`
      const answer = await send(`${url}/sign`, { method: 'POST', body: JSON.stringify(rawRequest(text)) })
      return outcome(answer, text, publicKey)
    }),
  )
  const counts: Record<string, number> = {}
  for (const name of outcomes) {
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/** The `hsm` part of /health/ready. */
export async function hsmStatus(url: string) {
  const { hsm } = (await send(`${url}/health/ready`)).json() as {
    hsm: { state: string; reason?: string; sessions: Record<string, number>; queued: number }
  }
  return hsm
}

/** Waits until every session has made its test signature and is free. */
export function allIdle(url: string): Promise<void> {
  return until('all sessions are idle', async () => {
    const { idle = 0, ...others } = (await hsmStatus(url)).sessions
    return idle > 0 && Object.values(others).every((count) => count === 0)
  })
}

/**
 * Waits until something holds; fails, saying what did not, when it does not in time: three times the longest wait of the
 * service between two tries.
 */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 90_000,
): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > end) {
      throw new Error(`waited ${timeoutMs} ms in vain until ${what}`)
    }
    await delay(20)
  }
}

/** Whether there is a process of that id. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
