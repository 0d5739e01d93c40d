/** Reads a PIN from what holds it: a file, a variable, or a secret of AWS. */
import { parseJson } from '../common/json.ts'
import { readSecret } from '../common/secret.ts'

/** Matches a text in quotation marks, as JSON and files of variables have them. */
const QUOTED = /^\s*(["']).*\1\s*$/s
/** Matches the beginning of a line in a file of variables, or in a script. */
const ASSIGNED = /^(export\s+)?HSM_PIN=/

/**
 * Reads the PIN: the content itself, or JSON with `username` and `password`, as AWS makes it, or with `pin`.
 * Other properties do not matter. Content that begins with a brace is JSON. Texts in quotation marks and lists in JSON, as
 * a program writes that encodes the PIN alone, are refused.
 *
 * @param content text or bytes, to which the rules of `readSecret` apply
 * @throws Error whose message follows the name of the file, the variable or the secret; it quotes nothing
 */
export function parsePin(content: string | Uint8Array): string {
  const text = Buffer.from(content)
    .toString()
    .replace(/^\uFEFF/, '')
  if (/^\s*\{/.test(text)) {
    return readSecret(findPinInJson(text))
  }
  if (QUOTED.test(text)) {
    const remedy = 'take them away, or write a PIN that has them as {"pin":"…"}'
    throw new Error(`stands in quotation marks, as docker leaves them in an --env-file: ${remedy}`)
  }
  if (/^\s*\[/.test(text) && isJson(text)) {
    throw new Error('is JSON, but no object: leave the PIN alone, or write {"pin":"…"}')
  }
  const pin = readSecret(Buffer.from(content))
  if (ASSIGNED.test(pin)) {
    throw new Error('begins with HSM_PIN=, as a line in a file of variables: leave the PIN alone')
  }
  return pin
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
