import type { Handle, Template } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { fingerprint } from '../../algorithms/public-key.ts'
import { defined } from '../../common/defined.ts'
import { listSome, quote } from '../../common/quote.ts'
import { nameKey } from '../key-name.ts'
import type { FoundKey, KeyReference, KeyRequest } from '../messages.ts'
import { findObjects, readAttribute, readBoolean, readId, readPublicHalf } from './attributes.ts'
import { findCertificates } from './certificate-object.ts'
import { describeKeyType, keyTypeOf, mayBe, readKeyType, readProtection } from './key-attributes.ts'
import { misconfigured } from './open-error.ts'
import { checkLoggedIn, type TokenSession } from './user-session.ts'

/** A private key object in one session: handles belong to the session that found them. */
export interface PrivateKey extends FoundKey {
  readonly handle: Handle
}

/** A key that may be meant. Nothing else is read of it, which would take long on a token with many keys. */
type Candidate = Omit<PrivateKey, 'protection' | 'certifiedKey'>

/** Terms of a search; the label is in bytes, since not every tool writes UTF-8. */
interface SearchTerms {
  readonly label?: Uint8Array | undefined
  readonly id?: string | undefined
}

/**
 * Finds the private key that signs: the one with the label and id given; where none is given or several have them,
 * the one whose public half is the signer certificate's; or else the only one.
 *
 * @throws OpenError that lists the private keys there are, when none or several fit
 */
export function selectPrivateKey(
  session: TokenSession,
  request: Omit<KeyRequest, 'certificateOnToken'>,
): PrivateKey {
  const { selector, publicKey } = request
  const { label, id } = selector
  const named = label !== undefined || id !== undefined
  const keys = listPrivateKeys(session, { label: label === undefined ? undefined : Buffer.from(label), id })
  if (keys.length === 0) {
    // A token hides private keys from those who are not logged in: then it is not the configuration that is wrong
    checkLoggedIn(session)
    const reason = 'no private key fits'
    const message = [reason, ...describeWanted(selector)].join(' ')
    throw misconfigured('key', `${message}; ${describeKeys(session, listPrivateKeys(session, {}))}`, reason)
  }
  const only = keys.length === 1 ? keys[0] : undefined
  // One that is named alone is compared with the certificate later, as where the certificate is on the token
  const isComparedLater = named && only?.publicKey !== undefined
  const fitting = publicKey === undefined || isComparedLater ? keys : withPublicKey(session, keys, publicKey)
  const [key, second] = fitting
  if (key === undefined) {
    // One that signs with no certificate is told as that
    if (only !== undefined) {
      checkUsable(session, only)
    }
    const certified = publicKey as Uint8Array
    const owner = findCertifiedKey(session, certified)
    const of =
      owner === undefined
        ? 'a private key on the token'
        : `one of these private keys, but of the one with ${owner}`
    const wrong =
      `is not the certificate of ${of}: the certificate's ${keyTypeOf(certified)} public key has the SHA-256 fingerprint ` +
      `${fingerprint(certified)}; ${describeKeys(session, keys)}`
    throw misconfigured('certificate', wrong, 'no private key matches the certificate')
  }
  if (second !== undefined) {
    throw misconfigured(
      'key',
      `several private keys fit, ${describeChoice(session, fitting)}`,
      'several private keys fit the configuration',
    )
  }
  checkUsable(session, key)
  const isAnother =
    publicKey !== undefined && key.publicKey !== undefined && !isSame(key.publicKey, publicKey)
  const certifiedKey = isAnother ? findCertifiedKey(session, publicKey) : undefined
  return { ...key, protection: readProtection(session, key.handle), ...defined({ certifiedKey }) }
}

/** Returns label and id of the private key that a certificate belongs to, whatever it is called; undefined without one. */
function findCertifiedKey(session: TokenSession, certified: Uint8Array): string | undefined {
  const owner = listPrivateKeys(session, {}).find(
    ({ publicKey }) => publicKey !== undefined && isSame(publicKey, certified),
  )
  return owner && nameKey(owner)
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}

/** Names what a key was searched for by; nothing where that is any key. */
function describeWanted({ label, id }: KeyRequest['selector']): string[] {
  const ofLabel = label === undefined ? [] : [`label ${quote(label)}`]
  return [...ofLabel, ...(id === undefined ? [] : [`id ${id}`])]
}

/** Describes keys of which one must be chosen, with all that may tell them apart. */
function describeChoice(session: TokenSession, keys: readonly Candidate[]): string {
  const describe = (key: Candidate) => {
    const certified =
      findCertificates(session, key).length > 0 ? 'with a certificate' : 'without a certificate'
    return `${describeKey(key)} ${describeKeyType(session, key.handle, key.publicKey)} ${certified} on the token`
  }
  return (
    'choose one by its label or id, or configure its certificate; where keys have all of these in common, give each a ' +
    `CKA_ID of its own with a tool of the HSM's, or delete the others; there are: ${listSome(keys, describe)}`
  )
}

/** Returns the keys with that public key or, if there are none, those of its type that show none: one of them may have it. */
export function withPublicKey<Key extends Pick<PrivateKey, 'handle' | 'publicKey'>>(
  session: TokenSession,
  keys: readonly Key[],
  wanted: Uint8Array,
): Key[] {
  const matching = keys.filter(({ publicKey }) => publicKey !== undefined && isSame(publicKey, wanted))
  const type = keyTypeOf(wanted)
  return matching.length > 0
    ? matching
    : keys.filter(
        ({ publicKey, handle }) => publicKey === undefined && mayBe(readKeyType(session, handle), type),
      )
}

/** Finds, in another session, the key that was selected; undefined when it is not there any more. */
export function findSelectedKey(
  session: TokenSession,
  { labelBytes, id, publicKey }: KeyReference,
): Handle | undefined {
  const handles = findObjects(session, privateKeyTemplate({ label: labelBytes, id }))
  if (handles.length < 2) {
    return handles[0]
  }
  // The search has no term for an empty label or id, and several keys may have one label and id
  return handles.find((handle) => {
    const key = readCandidate(session, handle)
    const hasPublicKey =
      publicKey === undefined
        ? key.publicKey === undefined
        : key.publicKey !== undefined && isSame(key.publicKey, publicKey)
    return key.id === id && isSame(key.labelBytes, labelBytes) && hasPublicKey
  })
}

function listPrivateKeys(session: TokenSession, terms: SearchTerms): Candidate[] {
  return findObjects(session, privateKeyTemplate(terms)).map((handle) => readCandidate(session, handle))
}

function readCandidate(session: TokenSession, handle: Handle): Candidate {
  const labelBytes = readAttribute(session, handle, pkcs11js.CKA_LABEL) ?? Buffer.alloc(0)
  const label = labelBytes.toString('utf8')
  const id = readId(session, handle)
  const publicKey = readPublicHalf(session, handle, id)
  return {
    ...{ handle, label, labelBytes, id: id.toString('hex') },
    ...(publicKey === undefined ? {} : { publicKey }),
  }
}

function privateKeyTemplate({ label, id }: SearchTerms): Template {
  const template: Template = [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY }]
  if (label !== undefined && label.length > 0) {
    template.push({ type: pkcs11js.CKA_LABEL, value: Buffer.from(label) })
  }
  if (id !== undefined && id !== '') {
    template.push({ type: pkcs11js.CKA_ID, value: Buffer.from(id, 'hex') })
  }
  return template
}

function checkUsable(session: TokenSession, key: Candidate): void {
  const type = readKeyType(session, key.handle)
  if (!mayBe(type, 'RSA') && !mayBe(type, 'EC')) {
    const reason = 'the private key is neither an RSA nor an EC key'
    throw misconfigured('key', `${reason}: it has ${nameKey(key)}`, reason)
  }
  // An unreadable attribute speaks against no key: tokens older than PKCS#11 2.20 do not know all of them
  if (readBoolean(session, key.handle, pkcs11js.CKA_SIGN) === false) {
    const reason = 'the private key may not sign (CKA_SIGN is false)'
    const advice = 'have the HSM allow it, or choose another key'
    throw misconfigured('key', `${reason}: it has ${nameKey(key)}; ${advice}`, reason)
  }
  if (readBoolean(session, key.handle, pkcs11js.CKA_ALWAYS_AUTHENTICATE) === true) {
    const reason =
      'the private key demands the PIN for each signature (CKA_ALWAYS_AUTHENTICATE), which is not supported'
    throw misconfigured('key', `${reason}: it has ${nameKey(key)}`, reason)
  }
}

function describeKeys(session: TokenSession, keys: readonly Candidate[]): string {
  if (keys.length === 0) {
    return 'there are no private keys that this user can see'
  }
  // The type tells apart those whose public half the token does not show
  const describe = (key: Candidate) =>
    key.publicKey === undefined
      ? `${describeKey(key)} ${describeKeyType(session, key.handle, undefined)}`
      : describeKey(key)
  return `there are: ${listSome(keys, describe)}`
}

function describeKey(key: Candidate): string {
  const print = key.publicKey === undefined ? '' : ` fingerprint ${fingerprint(key.publicKey)}`
  return `${nameKey(key)}${print}`
}
