/** Reads which request a body makes: `action` tells the vendor's calls apart, and fields those without one. */
import type { CallbackBody } from '../../schemas/callback.ts'
import { INVALID_REQUEST, UNKNOWN_ACTION } from '../errors.ts'
import { certificatesTooLarge, MARK_LENGTH } from '../requests/body/body-text.ts'
import type { Base64Digests } from '../requests/body/long-string.ts'
import type { EncodedField } from '../requests/fields.ts'

export type CallbackRequest =
  | { readonly kind: 'certificates' }
  /** `data` is base64 of the bytes to hash and sign. */
  | { readonly kind: 'raw'; readonly data: EncodedField }
  /** `encoded-contents` returns the container inside JSON. */
  | ({ readonly kind: 'container' | 'encoded-contents' } & Message)

/** The message that a container signs: contents, their digest, or both. */
export interface Message {
  readonly contents: EncodedField | undefined
  readonly digest: EncodedField | undefined
}

/**
 * Returns the request that a body makes.
 *
 * @param longContents digests of its strings that are cut short, keyed by the marks that these end in
 * @throws UNKNOWN_ACTION, INVALID_REQUEST, PAYLOAD_TOO_LARGE
 */
export function classify(
  body: CallbackBody,
  longContents: ReadonlyMap<string, Base64Digests>,
): CallbackRequest {
  const fields = {
    data: readField(body, 'data_to_be_signed', longContents),
    contents: readField(body, 'encoded_contents', longContents),
    digest: readField(body, 'digest', longContents),
    encodedContents: readField(body, 'encodedContents', longContents),
    hash: readField(body, 'hash', longContents),
  }
  switch (body.action ?? undefined) {
    case 'get_certificates':
      if (longContents.size > 0) {
        throw certificatesTooLarge()
      }
      return { kind: 'certificates' }
    case 'sign':
      return readSignatureForm(body) === 'pkcs7' ? containerRequest(fields) : rawRequest(fields)
    case 'sign_pkcs7':
      if (readSignatureForm(body) === 'raw') {
        throw new INVALID_REQUEST('signature_container: must be pkcs7 or absent for sign_pkcs7')
      }
      return containerRequest(fields)
    case undefined:
      return classifyByFields(fields, readSignatureForm(body))
    default:
      throw new UNKNOWN_ACTION()
  }
}

/** Returns a field of the body; null counts as absent. */
function readField(
  body: CallbackBody,
  field: keyof CallbackBody,
  longContents: ReadonlyMap<string, Base64Digests>,
): EncodedField | undefined {
  const text = body[field] ?? undefined
  return text === undefined ? undefined : { field, text, hashed: longContents.get(text.slice(-MARK_LENGTH)) }
}

type Fields = Readonly<
  Record<'data' | 'contents' | 'digest' | 'encodedContents' | 'hash', EncodedField | undefined>
>

function classifyByFields(fields: Fields, form: 'raw' | 'pkcs7' | undefined): CallbackRequest {
  const { data, contents, digest, encodedContents, hash } = fields
  const others = data ?? contents ?? digest
  // The Web SDK sends only a hash for CAdES, without contents
  if (encodedContents !== undefined || (hash !== undefined && others === undefined)) {
    if (others !== undefined || form === 'raw') {
      throw besideOthers(fields)
    }
    return { kind: 'encoded-contents', contents: encodedContents, digest: hash }
  }
  if (data !== undefined && (contents !== undefined || digest !== undefined)) {
    throw new INVALID_REQUEST(
      'action: is required where data_to_be_signed stands beside digest or encoded_contents',
    )
  }
  if (others === undefined) {
    throw new INVALID_REQUEST('action: is required; sign, sign_pkcs7 or get_certificates')
  }
  return form === 'raw' || (data !== undefined && form === undefined)
    ? rawRequest(fields)
    : containerRequest(fields)
}

function rawRequest({ data }: Fields): CallbackRequest {
  if (data === undefined) {
    throw new INVALID_REQUEST('data_to_be_signed: is required for a raw signature')
  }
  return { kind: 'raw', data }
}

/**
 * Takes `data_to_be_signed` as the content if a container is requested and no other content is given. A message in the fields
 * of both forms is refused, since the caller may mean either.
 */
function containerRequest(fields: Fields): CallbackRequest {
  const { data, contents = data, digest, encodedContents, hash } = fields
  if (contents === undefined && digest === undefined) {
    throw new INVALID_REQUEST('encoded_contents: is required for a PKCS#7 container, or digest')
  }
  if (encodedContents !== undefined || hash !== undefined) {
    throw besideOthers(fields)
  }
  return { kind: 'container', contents, digest }
}

/** Returns the error for `encodedContents`, or else `hash`, in a request of the other form. */
function besideOthers({ encodedContents }: Fields): Error {
  const name = encodedContents === undefined ? 'hash' : 'encodedContents'
  return new INVALID_REQUEST(`${name}: must not stand beside fields of other requests`)
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
