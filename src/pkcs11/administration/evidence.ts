/** Gathers what a token says of a key, and has the key sign it. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Slot, SlotFlag } from 'graphene-pk11'
import type { Handle } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { digest, SHA_256 } from '../../algorithms/hash-algorithms.ts'
import { encodePublicKey, fingerprint } from '../../algorithms/public-key.ts'
import type { SignatureAlgorithm } from '../../algorithms/signature-algorithm.ts'
import { chooseSignatureAlgorithm, SIGNATURE_ALGORITHMS } from '../../algorithms/signature-algorithms.ts'
import { VERSION } from '../../common/version.ts'
import { findUnsupportedKey } from '../../x509/key-type.ts'
import { readCertificate } from '../../x509/read-certificate.ts'
import { describeSubject, validityPeriod } from '../../x509/validity.ts'
import { nameKey } from '../key-name.ts'
import { readAttribute, readBoolean } from '../process/attributes.ts'
import { checkAllowed, checkMechanism } from '../process/mechanism.ts'
import { OpenError } from '../process/open-error.ts'
import { selectToken } from '../process/token.ts'
import type { TokenSession } from '../process/user-session.ts'
import { createSigningInput } from '../signing-input.ts'
import { RefusedError } from './failure.ts'
import { certificatesOfNamed, findNamedKey, type KeySelection, type NamedKey } from './find-key.ts'
import type { KeyDescription } from './keys.ts'
import { type AdministrationAccess, logInAt, openLibrary } from './session.ts'
import { signOnce } from './sign-once.ts'
import { describeLibrary, describeToken } from './tokens.ts'

export interface EvidenceRequest {
  readonly key: KeySelection
  /** Octets in hex that whoever asks for the evidence has chosen. */
  readonly nonce: string
  /** DER of the certificate of the key, where a file has it. */
  readonly certificate?: Uint8Array
}

/** A text that nobody can take for a document, since it is signed together with what a stranger has chosen. */
const ABOUT =
  'Evidence about a private key on a PKCS#11 token. It is no document, and its signature binds nobody.'
const LIMITS =
  'All about library, slot, token and attributes is what the PKCS#11 library answered to this program. The signature ' +
  'proves that whoever made it could use the private key once the nonce was known, and not where that key is.'

/** Attributes of a private key that tell how it came to be, what it may do and who may change that (PKCS#11 2.40 4.4, 4.9). */
const ATTRIBUTES = [
  ...(['CKA_TOKEN', 'CKA_PRIVATE', 'CKA_LOCAL', 'CKA_SENSITIVE', 'CKA_EXTRACTABLE'] as const),
  ...(['CKA_ALWAYS_SENSITIVE', 'CKA_NEVER_EXTRACTABLE', 'CKA_WRAP_WITH_TRUSTED'] as const),
  ...(['CKA_SIGN', 'CKA_SIGN_RECOVER', 'CKA_DECRYPT', 'CKA_UNWRAP', 'CKA_DERIVE'] as const),
  ...(['CKA_ALWAYS_AUTHENTICATE', 'CKA_MODIFIABLE', 'CKA_COPYABLE', 'CKA_DESTROYABLE'] as const),
]

/**
 * Gathers the evidence about a key, with a signature of the key over it and the nonce.
 *
 * @throws RefusedError when it is not exactly one key, or when it does not sign
 */
export async function collectEvidence(access: AdministrationAccess, request: EvidenceRequest) {
  const library = openLibrary(access)
  const { index, slot, token } = selectToken(library, access.token)
  const session = await logInAt(slot, access, false)
  const key = findNamedKey(session, request.key)
  const { algorithm, publicKey } = chooseKeyUse(session, key)
  const certificates = gatherCertificates(session, key, request)
  const statement = JSON.stringify(
    {
      ...{ about: ABOUT, limits: LIMITS },
      ...{ nonce: request.nonce, time: new Date().toISOString(), program: `signing-service ${VERSION}` },
      library: { ...describeLibrary(library), sha256: hashFile(access.module) },
      slot: describeSlot(slot),
      token: describeToken(index, token),
      key: { ...describeIdentity(key.description), attributes: readAttributes(session, key.handle) },
      certificates: certificates.map(({ described }) => described),
    },
    null,
    2,
  )
  const message = Buffer.from(statement)
  const signed = { digest: digest(SHA_256, message), message }
  const input = createSigningInput(0, { algorithm, publicKey }, SHA_256, signed)
  const { signature } = signOnce(session, key.handle, input)
  if (!input.verify(signature)) {
    throw new RefusedError('the signature of the key does not verify with its public half')
  }
  return {
    statement,
    algorithm: algorithm.name,
    signature: algorithm.encode(signature),
    publicKey: key.publicKey as Buffer,
    certificates: certificates.map(({ raw }) => raw),
  }
}

/** Returns how the key signs: with PKCS#1 v1.5 if it is an RSA key that may, else with PSS. */
function chooseKeyUse(session: TokenSession, { handle, description, publicKey: encoded }: NamedKey) {
  const name = `the private key with ${nameKey({ label: description.label ?? '', id: description.id ?? '' })}`
  if (encoded === undefined) {
    throw new RefusedError(
      `the token does not show the public half of ${name}, so nobody could verify evidence`,
    )
  }
  const publicKey = createPublicKey({ key: encoded, type: 'spki', format: 'der' })
  const unsupported = findUnsupportedKey(publicKey)
  if (unsupported !== undefined) {
    throw new RefusedError(`${name} cannot sign here: it is ${unsupported}`)
  }
  if (description.sign === false || description.alwaysAuthenticate === true) {
    throw new RefusedError(
      description.sign === false
        ? `${name} may not sign (CKA_SIGN is false)`
        : `${name} demands the PIN for each signature (CKA_ALWAYS_AUTHENTICATE), which is not supported`,
    )
  }
  const algorithm = listAlgorithms(publicKey).find((one) => signsWith(session, handle, one))
  if (algorithm === undefined) {
    throw new RefusedError(`${name} signs with no mechanism of this program`)
  }
  return { algorithm, publicKey }
}

function listAlgorithms(publicKey: KeyObject): SignatureAlgorithm[] {
  const type = `${publicKey.asymmetricKeyType}`
  const fitting = SIGNATURE_ALGORITHMS.filter(({ keyTypes }) => keyTypes.includes(type))
  return fitting.map(({ name }) => chooseSignatureAlgorithm(publicKey, name))
}

function signsWith(session: TokenSession, handle: Handle, algorithm: SignatureAlgorithm): boolean {
  const { name } = algorithm.mechanism(SHA_256)
  try {
    checkAllowed(session, { handle, label: '', id: '' }, name)
    checkMechanism(session, name)
    return true
  } catch (error) {
    if (error instanceof OpenError) {
      return false
    }
    throw error
  }
}

/** Returns the certificates of the key, each once: that of the file first, then those on the token. */
function gatherCertificates(session: TokenSession, named: NamedKey, { certificate }: EvidenceRequest) {
  const { publicKey } = named
  const ofFile = certificate === undefined ? [] : [Buffer.from(certificate)]
  const onToken = certificatesOfNamed(session, named)
  const all = [
    ...ofFile.map((raw) => ({ raw, from: 'file' })),
    ...onToken.map(({ certificate: { raw } }) => ({ raw, from: 'token' })),
  ]
  const distinct = all.filter(({ raw }, place) => all.findIndex((one) => one.raw.equals(raw)) === place)
  return distinct.map(({ raw, from }) => {
    const read = readCertificate(raw)
    if (publicKey !== undefined && !encodePublicKey(read.publicKey).equals(publicKey)) {
      throw new RefusedError(`the certificate of ${describeSubject(read)} is that of another key`)
    }
    const { notBefore, notAfter } = validityPeriod(read)
    const { serialNumber } = read
    const subject = describeSubject(read)
    return { raw, described: { from, subject, serialNumber, notBefore, notAfter, sha256: fingerprint(raw) } }
  })
}

function describeIdentity({ label, id, type, bits, curve, fingerprint: publicKeySha256 }: KeyDescription) {
  return { label, id, type, bits, curve, publicKeySha256 }
}

/** Reads the attributes by their names; null is what the token does not know or does not show. */
function readAttributes(session: TokenSession, key: Handle) {
  return {
    ...Object.fromEntries(ATTRIBUTES.map((name) => [name, readBoolean(session, key, pkcs11js[name])])),
    CKA_KEY_GEN_MECHANISM: readMechanism(session, key),
  }
}

/** Returns the mechanism that generated a key (PKCS#11 2.40 4.7.2); null if the token does not tell. */
function readMechanism(session: TokenSession, key: Handle): string | null {
  const octets = readAttribute(session, key, pkcs11js.CKA_KEY_GEN_MECHANISM)
  if (octets === undefined || octets.length === 0 || octets.every((octet) => octet === 0xff)) {
    return null
  }
  // CK_ULONG in this machine's byte order, as the library wrote it
  const number = [...octets].reduceRight((sum, octet) => sum * 256 + octet, 0)
  const names = ['CKM_RSA_PKCS_KEY_PAIR_GEN', 'CKM_RSA_X9_31_KEY_PAIR_GEN', 'CKM_EC_KEY_PAIR_GEN'] as const
  return names.find((name) => pkcs11js[name] === number) ?? `0x${number.toString(16)}`
}

function describeSlot({ slotDescription, manufacturerID, hardwareVersion, firmwareVersion, flags }: Slot) {
  return {
    ...{ description: slotDescription, manufacturer: manufacturerID },
    ...{ hardware: hardwareVersion, firmware: firmwareVersion },
    /** Whether the library says that the slot is a device (CKF_HW_SLOT). */
    CKF_HW_SLOT: (flags & SlotFlag.HW_SLOT) !== 0,
  }
}

/** Returns the SHA-256 of the library's file; null where only the loader knows it. */
function hashFile(path: string): string | null {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex')
  } catch {
    return null
  }
}
