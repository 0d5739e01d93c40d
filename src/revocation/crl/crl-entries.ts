import { setImmediate as nextTurn } from 'node:timers/promises'
import { DerReader } from '../../asn1/der-reader.ts'
import { TAG } from '../../asn1/tag.ts'
import { readTime } from '../../asn1/time.ts'
import { findUnknownCritical, readExtensionList } from '../../x509/extensions.ts'
import { includesName } from '../../x509/general-names.ts'
import { describeReason, REMOVE_FROM_CRL, type Revocation } from '../revocation-reason.ts'
import type { Flawed } from '../time.ts'

const ID_REASON_CODE = '2.5.29.21'
const ID_INVALIDITY_DATE = '2.5.29.24'
/** The issuer of the certificates of this entry and the next ones, in an indirect CRL (RFC 5280 5.3.3). */
const ID_CERTIFICATE_ISSUER = '2.5.29.29'

/**
 * Octets of entries that are looked at in one turn of the event loop. Some 400 entries take less than a millisecond;
 * entries full of names take 20 ms, where as many of them as of others would take seconds.
 */
const OCTETS_PER_TURN = 20_000

/** Octets of the names of an entry's issuer, which has one of some hundred. */
const MAX_ISSUER_LENGTH = 10_000

/** Those of the certificates that are revoked, by their serial numbers: contents of INTEGERs in hex. */
export type Revocations = ReadonlyMap<string, Revocation>

export interface FoundEntries extends Flawed {
  readonly revocations: Revocations
}

/**
 * Looks for entries about some certificates (RFC 5280 5.3). Lets other work run in between: CRLs of large authorities
 * have a hundred thousand entries and more.
 *
 * @param entries what is in revokedCertificates
 * @param serialNumbers contents of INTEGERs in hex
 * @param issuer DER Name of the certificates' issuer: entries about those of others are passed over
 * @throws Error when an entry is none, or has an issuer of more than 10,000 octets
 */
export async function findRevocations(
  entries: DerReader | undefined,
  serialNumbers: ReadonlySet<string>,
  issuer: Buffer,
): Promise<FoundEntries> {
  const revocations = new Map<string, Revocation>()
  let flaw: string | undefined
  let isOfIssuer = true
  let octets = 0
  while (entries?.tag !== undefined) {
    const encoded = entries.element(TAG.sequence)
    const entry = new DerReader(encoded).enter(TAG.sequence)
    const serialNumber = entry.content(TAG.integer).toString('hex')
    const time = new DerReader(entry.element())
    const extensions = readExtensionList(entry.enterOptional(TAG.sequence))
    flaw ??= findUnknownCritical(extensions, [ID_REASON_CODE, ID_INVALIDITY_DATE])
    const other = extensions.get(ID_CERTIFICATE_ISSUER)
    isOfIssuer = other === undefined ? isOfIssuer : isIssuer(other.value, issuer)
    if (isOfIssuer && serialNumbers.has(serialNumber)) {
      const code = extensions.get(ID_REASON_CODE)
      const reason = code && new DerReader(code.value).content(TAG.enumerated)[0]
      if (reason !== REMOVE_FROM_CRL) {
        revocations.set(serialNumber, {
          at: readTime(time, { fractions: true }),
          reason: describeReason(reason),
        })
      }
    }
    octets += encoded.length
    if (octets > OCTETS_PER_TURN) {
      octets = 0
      await nextTurn()
    }
  }
  return { revocations, ...(flaw !== undefined && { flaw }) }
}

/** @param names DER GeneralNames of an entry's issuer */
function isIssuer(names: Buffer, issuer: Buffer): boolean {
  if (names.length > MAX_ISSUER_LENGTH) {
    throw new Error(`it has an entry whose issuer has a name of more than ${MAX_ISSUER_LENGTH} octets`)
  }
  return includesName(new DerReader(names).enter(TAG.sequence), issuer)
}
