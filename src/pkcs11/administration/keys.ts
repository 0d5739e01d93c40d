/** The private keys of a token: what there is, and how a new one is generated. */
import type { Handle, KeyPair, Template } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { fingerprint } from '../../algorithms/public-key.ts'
import { nameKey } from '../key-name.ts'
import {
  findById,
  findObjects,
  findPrivateKeys,
  readAttribute,
  readBoolean,
  readId,
  readPublicHalf,
  readPublicKey,
} from '../process/attributes.ts'
import { curveParameters, describeCurve } from '../process/elliptic-key.ts'
import { modulusBits, readKeyType, readProtection } from '../process/key-attributes.ts'
import type { TokenSession } from '../process/user-session.ts'
import { describeFailure } from '../return-values.ts'
import { explain, RefusedError } from './failure.ts'

const NO_ID = Buffer.alloc(0)

/** Returns all private keys that the user can see, in the token's order. */
export function listKeys(session: TokenSession): KeyDescription[] {
  return findPrivateKeys(session).map((key) => describeKey(session, key))
}

export type KeyDescription = ReturnType<typeof describeKey>

/** Describes a private key for people and programs; null is what the token does not show. */
export function describeKey(session: TokenSession, key: Handle) {
  const read = (type: number) => readAttribute(session, key, type)
  const id = read(pkcs11js.CKA_ID)
  const curve = read(pkcs11js.CKA_EC_PARAMS)
  const publicKey = readPublicHalf(session, key, id ?? NO_ID)
  const has = (objectClass: number) => findById(session, objectClass, id ?? NO_ID).length > 0
  return {
    label: read(pkcs11js.CKA_LABEL)?.toString('utf8') ?? null,
    /** CKA_ID in lower-case hex. */
    id: id?.toString('hex') ?? null,
    /** `RSA`, `EC`, or the number of the type in hex. */
    type: readKeyType(session, key) ?? null,
    /** Length of an RSA modulus. */
    bits: (publicKey && modulusBits(publicKey)) ?? null,
    /** Its name, or the object identifier in hex. */
    curve: curve === undefined ? null : describeCurve(curve),
    ...readProtection(session, key),
    sign: readBoolean(session, key, pkcs11js.CKA_SIGN),
    alwaysAuthenticate: readBoolean(session, key, pkcs11js.CKA_ALWAYS_AUTHENTICATE),
    /** True if there is a public key object with that id. */
    publicKeyObject: has(pkcs11js.CKO_PUBLIC_KEY),
    /** True if there is a certificate object with that id. */
    certificateObject: has(pkcs11js.CKO_CERTIFICATE),
    /** SHA-256 of the DER SubjectPublicKeyInfo in hex. */
    fingerprint: publicKey === undefined ? null : fingerprint(publicKey),
  }
}

const PUBLIC_EXPONENT = Buffer.from('010001', 'hex')

/** Usages that a template denies. */
const DENIED = {
  privateKey: [pkcs11js.CKA_DECRYPT, pkcs11js.CKA_UNWRAP],
  publicKey: [pkcs11js.CKA_ENCRYPT, pkcs11js.CKA_WRAP],
}

/** Usages that not every token knows, so that no template names them. */
const SELDOM_KNOWN = [pkcs11js.CKA_SIGN_RECOVER, pkcs11js.CKA_VERIFY_RECOVER, pkcs11js.CKA_DERIVE]

/** Matches the return values of tokens that do not take a template; tpm2-pkcs11 answers CKR_GENERAL_ERROR. */
const TEMPLATE_REFUSED = /^CKR_(TEMPLATE_INCONSISTENT|ATTRIBUTE_\w+|GENERAL_ERROR)$/

interface KeyRequest {
  readonly label: string
  /** CKA_ID in hex. */
  readonly id: string
  /** Whether a private key may have the label already, as where the id was chosen to tell the two apart. */
  readonly mayShareLabel: boolean
  /** Length of an RSA modulus in bits, or the name of a curve. */
  readonly kind: { readonly bits: number } | { readonly curve: string }
}

/**
 * Generates a key pair whose private half stays on the token and signs, nothing else. Usages are denied one by one:
 * SoftHSM for one grants those that a template does not name. What a token has granted unasked is withdrawn.
 *
 * @throws RefusedError when there is a private key of that id, or of a label that must be new, and when there is a new
 *   key that cannot be told
 */
export function generateKey(session: TokenSession, request: KeyRequest) {
  const pair = generatePair(session, request)
  try {
    return complete(session, pair)
  } catch (error) {
    throw new RefusedError(`the key of id ${request.id} was generated, but ${explain(error).message}`)
  }
}

/**
 * Generates the pair, and denies no usage where the token does not take that. In a TPM both halves are one object, which
 * signs with PKCS#1 v1.5 as it decrypts: tpm2-pkcs11 finds it contradictory that one half verifies and the other does not decrypt.
 */
function generatePair(session: TokenSession, request: KeyRequest): KeyPair {
  try {
    return tryGenerating(session, request, DENIED)
  } catch (error) {
    if (!TEMPLATE_REFUSED.test(describeFailure(error).returnValue)) {
      throw error
    }
    return tryGenerating(session, request, { privateKey: [], publicKey: [] })
  }
}

function tryGenerating(session: TokenSession, request: KeyRequest, denied: typeof DENIED): KeyPair {
  const { label, id, kind } = request
  refuseTaken(session, request)
  const both: Template = [
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_LABEL, value: Buffer.from(label) },
    { type: pkcs11js.CKA_ID, value: Buffer.from(id, 'hex') },
  ]
  return session.lib.C_GenerateKeyPair(
    session.handle,
    { mechanism: 'bits' in kind ? pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN : pkcs11js.CKM_EC_KEY_PAIR_GEN },
    [
      ...both,
      { type: pkcs11js.CKA_VERIFY, value: true },
      ...denied.publicKey.map(deny),
      ...describeSize(kind),
    ],
    [
      ...both,
      { type: pkcs11js.CKA_PRIVATE, value: true },
      { type: pkcs11js.CKA_SENSITIVE, value: true },
      { type: pkcs11js.CKA_EXTRACTABLE, value: false },
      { type: pkcs11js.CKA_SIGN, value: true },
      ...denied.privateKey.map(deny),
    ],
  )
}

function deny(type: number) {
  return { type, value: false }
}

/** @throws RefusedError */
function refuseTaken(session: TokenSession, { label, id, mayShareLabel }: KeyRequest): void {
  if (findById(session, pkcs11js.CKO_PRIVATE_KEY, Buffer.from(id, 'hex')).length > 0) {
    throw new RefusedError(`there is a private key of id ${id} already; choose another --id, or leave it out`)
  }
  const [namesake] = mayShareLabel ? [] : findByLabel(session, label)
  if (namesake !== undefined) {
    const name = nameKey({ label, id: readId(session, namesake).toString('hex') })
    throw new RefusedError(
      `there is a private key with ${name} already; choose another --label, or give --id too`,
    )
  }
}

function findByLabel(session: TokenSession, label: string): Handle[] {
  return findObjects(session, [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
    { type: pkcs11js.CKA_LABEL, value: Buffer.from(label) },
  ])
}

/** Returns the description of the private key, and the public one as DER SubjectPublicKeyInfo. */
function complete(session: TokenSession, { privateKey, publicKey }: KeyPair) {
  withdraw(session, privateKey, [...DENIED.privateKey, ...SELDOM_KNOWN])
  withdraw(session, publicKey, [...DENIED.publicKey, ...SELDOM_KNOWN])
  const spki = readPublicKey(session, publicKey)
  if (spki === undefined) {
    throw new RefusedError('the token does not show its public half')
  }
  return { key: describeKey(session, privateKey), publicKey: spki }
}

function describeSize(kind: KeyRequest['kind']): Template {
  return 'bits' in kind
    ? [
        { type: pkcs11js.CKA_MODULUS_BITS, value: kind.bits },
        { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: PUBLIC_EXPONENT },
      ]
    : [{ type: pkcs11js.CKA_EC_PARAMS, value: curveParameters(kind.curve) }]
}

function withdraw(session: TokenSession, object: Handle, usages: readonly number[]): void {
  for (const type of usages) {
    if (readAttribute(session, object, type)?.[0] === 1) {
      session.lib.C_SetAttributeValue(session.handle, object, [deny(type)])
    }
  }
}
