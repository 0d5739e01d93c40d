/** Reads which request a body makes: `action` tells the vendor's calls apart, and fields those without one. */
import type { CallbackBody } from '../../schemas/callback.ts'
import { INVALID_REQUEST, UNKNOWN_ACTION } from '../errors.ts'
import { MARK_LENGTH } from './body/body-text.ts'
import type { Base64Digests } from './body/long-string.ts'
import type { EncodedField } from './fields.ts'

export type CallbackRequest =
  | { readonly kind: 'certificates' }
  /** `data` is base64 of the bytes to hash and sign. */
  | { readonly kind: 'raw'; readonly data: EncodedField }
  | { readonly kind: 'container'; readonly contents?: EncodedField; readonly digest?: EncodedField }
  /** Returns the container inside JSON. */
  | { readonly kind: 'encoded-contents'; readonly contents?: EncodedField; readonly digest?: EncodedField }

/** A body, and the digests of its strings that are cut short, keyed by the marks that these end in. */
export interface ReceivedBody {
  readonly body: CallbackBody
  readonly longContents: ReadonlyMap<string, Base64Digests>
}

/**
 * Returns the request that a body makes.
 *
 * @throws UNKNOWN_ACTION, INVALID_REQUEST
 */
export function classify(received: ReceivedBody): CallbackRequest {
  const { body } = received
  switch (body.action ?? undefined) {
    case 'get_certificates':
      return { kind: 'certificates' }
    case 'sign':
      return readSignatureForm(body) === 'pkcs7' ? containerRequest(received) : rawRequest(received)
    case 'sign_pkcs7':
      if (readSignatureForm(body) === 'raw') {
        throw new INVALID_REQUEST('signature_container: must be pkcs7 or absent for sign_pkcs7')
      }
      return containerRequest(received)
    case undefined:
      return classifyByFields(received)
    default:
      throw new UNKNOWN_ACTION()
  }
}

function classifyByFields(received: ReceivedBody): CallbackRequest {
  const data = field(received, 'data_to_be_signed')
  const contents = field(received, 'encoded_contents')
  const digest = field(received, 'digest')
  const encodedContents = field(received, 'encodedContents')
  const container = readSignatureForm(received.body)
  const hash = field(received, 'hash')
  const others = data ?? contents ?? digest
  // The Web SDK sends only a hash for CAdES, without contents
  if (encodedContents !== undefined || (hash !== undefined && others === undefined)) {
    if (others !== undefined || container === 'raw') {
      const name = encodedContents === undefined ? 'hash' : 'encodedContents'
      throw new INVALID_REQUEST(`action: is required where ${name} stands beside fields of other requests`)
    }
    return {
      kind: 'encoded-contents',
      ...optional('contents', encodedContents),
      ...optional('digest', hash),
    }
  }
  if (data !== undefined && (contents !== undefined || digest !== undefined)) {
    throw new INVALID_REQUEST(
      'action: is required where data_to_be_signed stands beside digest or encoded_contents',
    )
  }
  if (data === undefined && contents === undefined && digest === undefined) {
    throw new INVALID_REQUEST('action: is required; sign, sign_pkcs7 or get_certificates')
  }
  return container === 'raw' || (data !== undefined && container === undefined)
    ? rawRequest(received)
    : containerRequest(received)
}

function rawRequest(received: ReceivedBody): CallbackRequest {
  const data = field(received, 'data_to_be_signed')
  if (data === undefined) {
    throw new INVALID_REQUEST('data_to_be_signed: is required for a raw signature')
  }
  return { kind: 'raw', data }
}

/** Takes `data_to_be_signed` as the content if a container is requested and no other content is given. */
function containerRequest(received: ReceivedBody): CallbackRequest {
  const digest = field(received, 'digest')
  const contents = field(received, 'encoded_contents') ?? field(received, 'data_to_be_signed')
  if (contents === undefined && digest === undefined) {
    throw new INVALID_REQUEST('encoded_contents: is required for a PKCS#7 container, or digest')
  }
  return { kind: 'container', ...optional('contents', contents), ...optional('digest', digest) }
}

function readSignatureForm(body: CallbackBody): 'raw' | 'pkcs7' | undefined {
  const [first, second] = (['signature_container', 'signatureContainer'] as const).map((name) => {
    const container = body[name] ?? undefined
    if (container !== undefined && container !== 'raw' && container !== 'pkcs7') {
      throw new INVALID_REQUEST(`${name}: must be raw or pkcs7`)
    }
    return container
  })
  if (first !== undefined && second !== undefined && first !== second) {
    throw new INVALID_REQUEST('signature_container: disagrees with signatureContainer; send one of the two')
  }
  return first ?? second
}

/** Returns a field of the body; null counts as absent. */
function field({ body, longContents }: ReceivedBody, name: keyof CallbackBody): EncodedField | undefined {
  const text = body[name] ?? undefined
  if (text === undefined) {
    return undefined
  }
  const hashed = longContents.size === 0 ? undefined : longContents.get(text.slice(-MARK_LENGTH))
  return hashed === undefined ? { field: name, text } : { field: name, text, hashed }
}

function optional<K extends string>(key: K, value: EncodedField | undefined): { [P in K]?: EncodedField } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: EncodedField }
}
