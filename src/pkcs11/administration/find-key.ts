/** Finds the one private key that a person has named. */
import type { Handle, Template } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { defined } from '../../common/defined.ts'
import { listSome } from '../../common/quote.ts'
import { nameKey } from '../key-name.ts'
import { findById, findObjects, readId, readPublicHalf, readPublicKey } from '../process/attributes.ts'
import { type CertificateObject, findCertificates } from '../process/certificate-object.ts'
import type { TokenSession } from '../process/user-session.ts'
import { RefusedError } from './failure.ts'
import { describeKey, type KeyDescription } from './keys.ts'

/** Terms that name a key; all that are given must fit. Without any, it is the only key of the token. */
export interface KeySelection {
  readonly label?: string
  /** CKA_ID in hex. */
  readonly id?: string
  /** SHA-256 of the DER SubjectPublicKeyInfo, in lower-case hex. */
  readonly fingerprint?: string
}

/** A private key with what belongs to it. */
export interface NamedKey {
  readonly handle: Handle
  readonly description: KeyDescription
  /** DER SubjectPublicKeyInfo; undefined if the token does not show it. */
  readonly publicKey: Buffer | undefined
  /** Public key objects with the same CKA_ID and the same public key. */
  readonly publicKeyObjects: readonly Handle[]
}

/**
 * Finds a private key.
 *
 * @throws RefusedError that lists the keys there are if none fits, and those that fit if several do
 */
export function findNamedKey(session: TokenSession, selection: KeySelection): NamedKey {
  const all = findObjects(session, templateOf(selection)).map((handle) => ({
    handle,
    description: describeKey(session, handle),
  }))
  const fitting = all.filter(
    ({ description }) =>
      selection.fingerprint === undefined || description.fingerprint === selection.fingerprint,
  )
  const [found, second] = fitting
  if (found === undefined) {
    const keys = findObjects(session, templateOf({})).map((handle) => describeKey(session, handle))
    throw new RefusedError(`no private key has ${nameSelection(selection)}; ${listKeys(keys)}`)
  }
  if (second !== undefined) {
    const keys = fitting.map(({ description }) => description)
    throw new RefusedError(
      `several private keys have ${nameSelection(selection)}: name one by --label, --id or --fingerprint; ${listKeys(keys)}`,
    )
  }
  const { handle } = found
  const id = readId(session, handle)
  const publicKey = readPublicHalf(session, handle, id)
  const publicKeyObjects = findById(session, pkcs11js.CKO_PUBLIC_KEY, id).filter(
    (object) => publicKey !== undefined && readPublicKey(session, object)?.equals(publicKey),
  )
  return { ...found, publicKey, publicKeyObjects }
}

/** Describes a key that was named, for people and programs. */
export function describeNamedKey(session: TokenSession, selection: KeySelection) {
  const named = findNamedKey(session, selection)
  return {
    key: named.description,
    publicKey: named.publicKey,
    publicKeys: named.publicKeyObjects.length,
    certificates: certificatesOfNamed(session, named).length,
  }
}

/** Returns the certificates on the token that belong to a key that was named. */
export function certificatesOfNamed(
  session: TokenSession,
  { handle, description, publicKey }: NamedKey,
): CertificateObject[] {
  return findCertificates(session, { handle, id: description.id ?? '', ...defined({ publicKey }) })
}

function templateOf({ label, id }: KeySelection): Template {
  return [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
    ...(label === undefined ? [] : [{ type: pkcs11js.CKA_LABEL, value: Buffer.from(label) }]),
    ...(id === undefined ? [] : [{ type: pkcs11js.CKA_ID, value: Buffer.from(id, 'hex') }]),
  ]
}

function nameSelection({ label, id, fingerprint }: KeySelection): string {
  const terms = [
    label === undefined ? [] : [`label ${JSON.stringify(label)}`],
    id === undefined ? [] : [`id ${id}`],
    fingerprint === undefined ? [] : [`fingerprint ${fingerprint}`],
  ].flat()
  return terms.join(' and ') || 'been named'
}

function listKeys(keys: readonly KeyDescription[]): string {
  return keys.length === 0
    ? 'there are none that this user can see'
    : `there are: ${listSome(keys, nameDescribed)}`
}

/** Returns label, id and fingerprint of a key as messages show them. */
function nameDescribed({ label, id, fingerprint }: KeyDescription): string {
  const name = nameKey({ label: label ?? '', id: id ?? '' })
  return fingerprint === null ? name : `${name} fingerprint ${fingerprint}`
}
