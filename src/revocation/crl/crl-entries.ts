import { setImmediate as nextTurn } from 'node:timers/promises'
import { readTime } from '../../asn1/time.ts'
import { DerReader } from '../../der/der-reader.ts'
import { findUnknownCritical, readExtensionList } from '../../der/extensions.ts'
import { TAG } from '../../der/tag.ts'
import { includesName } from '../../x509/general-names.ts'
import type { Flawed } from '../der/time.ts'
import { describeReason, REMOVE_FROM_CRL, type Revocation } from '../revocation-reason.ts'

const ID_REASON_CODE = '2.5.29.21'
const ID_INVALIDITY_DATE = '2.5.29.24'
/** The issuer of the certificates of this entry and the next ones, in an indirect CRL (RFC 5280 5.3.3). */
const ID_CERTIFICATE_ISSUER = '2.5.29.29'

/** Entries that are looked at in one turn of the event loop: less than a millisecond. */
const ENTRIES_PER_TURN = 500

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
 * @throws Error when an entry is none
 */
export async function findRevocations(
  entries: DerReader | undefined,
  serialNumbers: ReadonlySet<string>,
  issuer: Buffer,
): Promise<FoundEntries> {
  const revocations = new Map<string, Revocation>()
  let flaw: string | undefined
  let isOfIssuer = true
  for (let count = 1; entries?.tag !== undefined; count++) {
    const entry = entries.enter(TAG.sequence)
    const serialNumber = entry.content(TAG.integer).toString('hex')
    const time = new DerReader(entry.element())
    const extensions = readExtensionList(entry.enterOptional(TAG.sequence))
    flaw ??= findUnknownCritical(extensions, [ID_REASON_CODE, ID_INVALIDITY_DATE])
    const other = extensions.get(ID_CERTIFICATE_ISSUER)
    isOfIssuer =
      other === undefined ? isOfIssuer : includesName(new DerReader(other.value).enter(TAG.sequence), issuer)
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
    if (count % ENTRIES_PER_TURN === 0) {
      await nextTurn()
    }
  }
  return { revocations, ...(flaw !== undefined && { flaw }) }
}
