import { setImmediate as nextTurn } from 'node:timers/promises'
import { DerReader } from '../../asn1/der-reader.ts'
import { TAG } from '../../asn1/tag.ts'
import { readTime } from '../../asn1/time.ts'
import { type Extension, findUnknownCritical, readExtensionList } from '../../x509/extensions.ts'
import { includesName } from '../../x509/general-names.ts'
import type { Flawed } from '../freshness.ts'
import { ID_CERTIFICATE_ISSUER, ID_INVALIDITY_DATE, ID_REASON_CODE } from '../object-identifiers.ts'
import { describeReason, REMOVE_FROM_CRL, type Revocation } from '../revocation-reason.ts'
import type { Crl } from './crl.ts'

/**
 * Octets of entries that are read in one turn of the event loop. 400 usual entries take less than 1 ms, and entries
 * full of names 20 ms. A limit in entries would let the latter take seconds.
 */
const OCTETS_PER_TURN = 20_000

/** Octets of an entry's issuer names; real ones have some hundred. Longer ones would take long to compare. */
const MAX_ISSUER_LENGTH = 10_000

/** Revocations keyed by serial numbers: contents of INTEGERs in hex. */
export type Revocations = ReadonlyMap<string, Revocation>

export interface FoundEntries extends Flawed {
  readonly revocations: Revocations
}

/**
 * Looks for entries about some certificates (RFC 5280 5.3). It lets other work run in between, since CRLs of large
 * authorities have more than a hundred thousand entries. An entry that cannot be read beyond its serial number is a
 * flaw, but revokes all the same.
 *
 * @param crl the CRL, whose `issuer` is that of the certificates; entries of other issuers are passed over
 * @param serialNumbers contents of INTEGERs in hex
 * @throws Error when an entry has no serial number
 */
export async function findRevocations(
  { entries, issuer, thisUpdate }: Pick<Crl, 'entries' | 'issuer' | 'thisUpdate'>,
  serialNumbers: ReadonlySet<string>,
): Promise<FoundEntries> {
  const revocations = new Map<string, Revocation>()
  let flaw: string | undefined
  let isOfIssuer = true
  let octets = 0
  while (entries?.tag !== undefined) {
    const encoded = entries.element(TAG.sequence)
    const entry = new DerReader(encoded).enter(TAG.sequence)
    const serialNumber = entry.content(TAG.integer).toString('hex')
    const isWanted = serialNumbers.has(serialNumber)
    let revocation: Revocation | undefined = { at: thisUpdate, reason: describeReason() }
    try {
      const time = new DerReader(entry.element())
      const extensions = readExtensionList(entry.enterOptional(TAG.sequence))
      flaw ??= findUnknownCritical(extensions, [ID_REASON_CODE, ID_INVALIDITY_DATE])
      const other = extensions.get(ID_CERTIFICATE_ISSUER)
      isOfIssuer = other === undefined ? isOfIssuer : isIssuer(other.value, issuer)
      if (isWanted) {
        revocation = readRevocation(time, extensions.get(ID_REASON_CODE))
      }
    } catch (error) {
      flaw ??= (error as Error).message
    }
    if (isWanted && isOfIssuer && revocation !== undefined) {
      revocations.set(serialNumber, revocation)
    }
    octets += encoded.length
    if (octets > OCTETS_PER_TURN) {
      octets = 0
      await nextTurn()
    }
  }
  return { revocations, ...(flaw !== undefined && { flaw }) }
}

/** Reads date and reason; undefined for a certificate that was removed from the list (removeFromCRL). */
function readRevocation(time: DerReader, code: Extension | undefined): Revocation | undefined {
  const reason = code && new DerReader(code.value).content(TAG.enumerated)[0]
  return reason === REMOVE_FROM_CRL
    ? undefined
    : { at: readTime(time, { fractions: true }), reason: describeReason(reason) }
}

/**
 * Returns whether an entry is about certificates of `issuer`.
 *
 * @param names DER GeneralNames of the entry's certificateIssuer
 */
function isIssuer(names: Buffer, issuer: Buffer): boolean {
  return names.length <= MAX_ISSUER_LENGTH && includesName(new DerReader(names).enter(TAG.sequence), issuer)
}
