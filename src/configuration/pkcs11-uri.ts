/**
 * Parses `pkcs11:` URIs (RFC 7512) that name a private key. Attributes that the service does not support are refused,
 * since they may be what distinguishes two keys.
 */
import { isUtf8 } from 'node:buffer'
import { defined } from '../common/defined.ts'
import type { KeySelector, TokenSelector } from './signer-configuration.ts'

export interface Pkcs11Uri {
  readonly token: TokenSelector
  readonly key: KeySelector
  /** Path as it was written, which may be relative. */
  readonly module?: string
  /** Absolute path. */
  readonly pinFile?: string
}

const PATH = ['token', 'serial', 'manufacturer', 'model', 'slot-id', 'object', 'id', 'type']
const QUERY = ['module-path', 'pin-source']
/** Advice for the RFC's attributes that are not supported. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ['module-name', 'name the library with module-path'],
  ['library-manufacturer', 'name the library with module-path'],
  ['library-description', 'name the library with module-path'],
  ['library-version', 'name the library with module-path'],
  ['slot-manufacturer', 'name the slot with slot-id, or its token'],
  ['slot-description', 'name the slot with slot-id, or its token'],
])
const NAME = /^[A-Za-z0-9_-]+$/
/** Match pk11-pchar and pk11-qchar (RFC 7512 2.3), without the separators, which are split off before. */
const PATH_VALUE = /^[A-Za-z0-9._~:[\]@!$'()*+,=&%-]*$/
const QUERY_VALUE = /^[A-Za-z0-9._~:[\]@!$'()*+,=/?|%-]*$/
/** Largest CK_ULONG of 64 bits. */
const MAX_SLOT_ID = 2n ** 64n - 1n

/**
 * Parses a URI, and decodes its attributes.
 *
 * @throws Error whose message names all problems, and quotes no values
 */
export function parsePkcs11Uri(uri: string): Pkcs11Uri {
  const match = /^pkcs11:([^?]*)(?:\?(.*))?$/is.exec(uri)
  if (match === null) {
    throw new Error('is no pkcs11: URI, such as pkcs11:token=hsm1;object=contracts')
  }
  const [, path = '', query = ''] = match
  const components = [
    { where: 'path', list: split(path, ';'), known: PATH, value: PATH_VALUE },
    { where: 'query', list: split(query, '&'), known: QUERY, value: QUERY_VALUE },
  ]
  if (components.some(({ list }) => list.some(({ name }) => isPin(name)))) {
    // No other problem is reported, since anything behind a PIN that was not encoded may be a part of it
    throw new Error(
      'has pin-value, but a PIN must not stand in this file: name a file that holds it with pin-source',
    )
  }
  const problems: string[] = []
  const values = new Map<string, Buffer>()
  for (const { where, list, known, value } of components) {
    for (const [index, attribute] of list.entries()) {
      const problem =
        findProblem(attribute, known, value) ?? (values.has(attribute.name) ? 'stands twice' : undefined)
      if (problem === undefined) {
        values.set(attribute.name, decode(attribute.value as string))
      } else {
        problems.push(
          `${NAME.test(attribute.name) ? attribute.name : `attribute ${index + 1} of the ${where}`} ${problem}`,
        )
      }
    }
  }
  const found = interpret(values, problems)
  if (problems.length > 0) {
    throw new Error(problems.join('; '))
  }
  return found
}

interface Attribute {
  /** Empty if there is no "=", so that nothing of the attribute is quoted. */
  readonly name: string
  readonly value?: string
}

function split(component: string, separator: ';' | '&'): Attribute[] {
  return (component === '' ? [] : component.split(separator)).map((attribute) => {
    const equals = attribute.indexOf('=')
    return equals === -1
      ? { name: isPin(attribute) ? attribute : '' }
      : { name: attribute.slice(0, equals), value: attribute.slice(equals + 1) }
  })
}

/** Returns whether an attribute is pin-value, or was meant to be. */
function isPin(name: string): boolean {
  return /pin/i.test(name) && name !== 'pin-source'
}

function findProblem(
  { name, value }: Attribute,
  known: readonly string[],
  allowed: RegExp,
): string | undefined {
  if (value === undefined || !NAME.test(name)) {
    return 'is not of the form name=value'
  }
  if (ADVICE.has(name)) {
    return `is not supported: ${ADVICE.get(name)}`
  }
  if (!known.includes(name)) {
    return `is not supported here: ${known.join(', ')} are`
  }
  if (/%(?![0-9A-Fa-f]{2})/.test(value)) {
    return 'has a % that no two hex digits follow'
  }
  return allowed.test(value) ? undefined : 'has a character that must be percent-encoded'
}

/** @param value ASCII characters with valid percent-encoding */
function decode(value: string): Buffer {
  const bytes = value.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1')
}

function interpret(values: ReadonlyMap<string, Buffer>, problems: string[]): Pkcs11Uri {
  const read = <T>(name: string, convert: (value: Buffer) => T): T | undefined => {
    const value = values.get(name)
    try {
      return value && convert(value)
    } catch (error) {
      problems.push(`${name} ${(error as Error).message}`)
      return undefined
    }
  }
  read('type', checkType)
  const token = {
    label: read('token', toText),
    serial: read('serial', toText),
    manufacturer: read('manufacturer', toText),
    model: read('model', toText),
    slotId: read('slot-id', toSlotId),
  }
  const key = {
    label: read('object', (value) => toText(notEmpty(value))),
    id: read('id', (value) => notEmpty(value).toString('hex')),
  }
  const module = read('module-path', (value) => toText(notEmpty(value)))
  const pinFile = read('pin-source', toPinFile)
  return { token: defined(token), key: defined(key), ...defined({ module, pinFile }) }
}

/** Decodes UTF-8, which all attributes but the id are (RFC 7512 2.3). */
function toText(value: Buffer): string {
  if (!isUtf8(value)) {
    throw new Error('is not UTF-8')
  }
  return value.toString()
}

function notEmpty(value: Buffer): Buffer {
  if (value.length === 0) {
    throw new Error('is empty: leave it out')
  }
  return value
}

function checkType(value: Buffer): void {
  if (value.toString('latin1') !== 'private') {
    throw new Error('must be private, or be left out: it is the private key that signs')
  }
}

function toSlotId(value: Buffer): string {
  const digits = value.toString('latin1')
  if (!/^\d{1,20}$/.test(digits) || BigInt(digits) > MAX_SLOT_ID) {
    throw new Error('is no slot id: a decimal number')
  }
  return BigInt(digits).toString()
}

/** Takes the text after `file:` as a path. Like common implementations, it does not decode the text a second time. */
function toPinFile(value: Buffer): string {
  const source = toText(value)
  if (source.startsWith('|')) {
    throw new Error('names a program: this service runs none, name a file that holds the PIN')
  }
  const [, path] = /^(?:file:(?:\/\/(?:localhost)?)?)?(\/(?!\/).*)$/is.exec(source) ?? []
  if (path === undefined) {
    throw new Error('is neither a file: URI nor an absolute path')
  }
  return path
}
