/** Reads a PIN from the content of a secret. */
import { parseJson } from '../../common/json.ts'
import { readSecret } from '../../common/secret.ts'

/**
 * Reads the PIN of a secret: the content itself, or JSON with `username` and `password`, as AWS makes it, or with `pin`.
 * Other properties do not matter. Content that begins with a brace is JSON. So are texts and lists in JSON, as a program
 * writes that encodes the PIN alone; they are refused.
 *
 * @param content text or bytes, to which the rules of a PIN file apply
 * @throws Error whose message follows the name of the secret; it quotes nothing
 */
export function parsePinSecret(content: string | Uint8Array): string {
  const text = Buffer.from(content)
    .toString()
    .replace(/^\uFEFF/, '')
  if (/^\s*\{/.test(text)) {
    return readSecret(findPinInJson(text))
  }
  if (/^\s*["[]/.test(text) && isJson(text)) {
    throw new Error('is JSON, but no object: leave the PIN alone, or write {"pin":"…"}')
  }
  return readSecret(Buffer.from(content))
}

function isJson(text: string): boolean {
  try {
    parseJson(text)
    return true
  } catch {
    return false
  }
}

function findPinInJson(text: string): string {
  const { pin, username, password } = parseObject(text)
  if (pin !== undefined && username === undefined && password === undefined) {
    return readText('pin', pin)
  }
  if (pin !== undefined || username === undefined || password === undefined) {
    throw new Error('is JSON, which must have either pin, or username and password')
  }
  const user = readText('username', username)
  if (user.includes(':')) {
    throw new Error('has a colon in username, where the HSM would take the password to begin')
  }
  return `${user}:${readText('password', password)}`
}

function parseObject(text: string): { pin?: unknown; username?: unknown; password?: unknown } {
  try {
    return parseJson(text) as object
  } catch {
    throw new Error('begins like JSON, and is none: write {"pin":"…"} where the PIN begins with a brace')
  }
}

function readText(name: string, value: unknown): string {
  if (typeof value !== 'string') {
    throw new Error(`has a ${name} that is no string: put it in quotation marks`)
  }
  try {
    return readSecret(value)
  } catch (error) {
    throw new Error(`has a ${name} that ${(error as Error).message}`)
  }
}
