import type { Session } from 'graphene-pk11'
import type { Handle, KeyPair, Template } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { nameKey } from '../key-name.ts'
import { findById, findObjects, readAttribute, readId, readPublicKey } from '../process/attributes.ts'
import { curveParameters } from '../process/elliptic-key.ts'
import { explain, RefusedError } from './failure.ts'
import { describeKey } from './keys.ts'
import type { GeneratedKey, KeyRequest } from './messages.ts'

const PUBLIC_EXPONENT = Buffer.from('010001', 'hex')

/** Usages that not every token knows: they are withdrawn where one turns out to have granted them unasked. */
const SELDOM_KNOWN = [pkcs11js.CKA_SIGN_RECOVER, pkcs11js.CKA_VERIFY_RECOVER, pkcs11js.CKA_DERIVE]

/**
 * Generates a key pair whose private half stays on the token and signs, nothing else. Usages are denied one by one:
 * SoftHSM for one grants those that a template does not name.
 *
 * @throws RefusedError when there is a private key of that id, or of a label that must be new, and when there is a new
 *   key that cannot be told
 */
export function generateKey(session: Session, { label, id, mayShareLabel, kind }: KeyRequest): GeneratedKey {
  const idBytes = Buffer.from(id, 'hex')
  if (findById(session, pkcs11js.CKO_PRIVATE_KEY, idBytes).length > 0) {
    throw new RefusedError(`there is a private key of id ${id} already; choose another --id, or leave it out`)
  }
  const [namesake] = mayShareLabel ? [] : findByLabel(session, label)
  if (namesake !== undefined) {
    const name = nameKey({ label, id: readId(session, namesake).toString('hex') })
    throw new RefusedError(
      `there is a private key with ${name} already; choose another --label, or give --id too`,
    )
  }
  const both: Template = [
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_LABEL, value: Buffer.from(label) },
    { type: pkcs11js.CKA_ID, value: idBytes },
  ]
  const pair = session.lib.C_GenerateKeyPair(
    session.handle,
    { mechanism: 'bits' in kind ? pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN : pkcs11js.CKM_EC_KEY_PAIR_GEN },
    [
      ...both,
      { type: pkcs11js.CKA_VERIFY, value: true },
      { type: pkcs11js.CKA_ENCRYPT, value: false },
      { type: pkcs11js.CKA_WRAP, value: false },
      ...describeSize(kind),
    ],
    [
      ...both,
      { type: pkcs11js.CKA_PRIVATE, value: true },
      { type: pkcs11js.CKA_SENSITIVE, value: true },
      { type: pkcs11js.CKA_EXTRACTABLE, value: false },
      { type: pkcs11js.CKA_SIGN, value: true },
      { type: pkcs11js.CKA_DECRYPT, value: false },
      { type: pkcs11js.CKA_UNWRAP, value: false },
    ],
  )
  try {
    return complete(session, pair)
  } catch (error) {
    throw new RefusedError(`the key of id ${id} was generated, but ${explain(error).message}`)
  }
}

function findByLabel(session: Session, label: string): Handle[] {
  return findObjects(session, [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
    { type: pkcs11js.CKA_LABEL, value: Buffer.from(label) },
  ])
}

function complete(session: Session, { privateKey, publicKey }: KeyPair): GeneratedKey {
  withdraw(session, privateKey)
  withdraw(session, publicKey)
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

function withdraw(session: Session, object: Handle): void {
  for (const type of SELDOM_KNOWN) {
    if (readAttribute(session, object, type)?.[0] === 1) {
      session.lib.C_SetAttributeValue(session.handle, object, [{ type, value: false }])
    }
  }
}
