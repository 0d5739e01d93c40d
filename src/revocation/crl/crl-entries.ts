import { setImmediate as nextTurn } from 'node:timers/promises'
import { readTime } from '../../asn1/time.ts'
import { DerReader } from '../../der/der-reader.ts'
import { readExtensionList, refuseUnknownCritical } from '../../der/extensions.ts'
import { TAG } from '../../der/tag.ts'
import { describeReason, REMOVE_FROM_CRL, type Revocation } from '../revocation-reason.ts'

const ID_REASON_CODE = '2.5.29.21'
const ID_INVALIDITY_DATE = '2.5.29.24'

/** Entries that are looked at in one turn of the event loop: less than a millisecond. */
const ENTRIES_PER_TURN = 500

/** Those of the certificates that are revoked, by their serial numbers: contents of INTEGERs in hex. */
export type Revocations = ReadonlyMap<string, Revocation>

/**
 * Looks for entries about some certificates (RFC 5280 5.3). Lets other work run in between: CRLs of large authorities
 * have a hundred thousand entries and more.
 *
 * @param entries what is in revokedCertificates
 * @param serialNumbers contents of INTEGERs in hex
 * @throws Error when an entry is none, or has a critical extension that is not supported, as those of indirect CRLs
 */
export async function findRevocations(
  entries: DerReader | undefined,
  serialNumbers: ReadonlySet<string>,
): Promise<Revocations> {
  const found = new Map<string, Revocation>()
  for (let count = 1; entries?.tag !== undefined; count++) {
    const entry = entries.enter(TAG.sequence)
    const serialNumber = entry.content(TAG.integer).toString('hex')
    const time = new DerReader(entry.element())
    const extensions = readExtensionList(entry.enterOptional(TAG.sequence))
    refuseUnknownCritical(extensions, [ID_REASON_CODE, ID_INVALIDITY_DATE])
    if (serialNumbers.has(serialNumber)) {
      const code = extensions.get(ID_REASON_CODE)
      const reason = code && new DerReader(code.value).content(TAG.enumerated)[0]
      if (reason !== REMOVE_FROM_CRL) {
        found.set(serialNumber, { at: readTime(time, { fractions: true }), reason: describeReason(reason) })
      }
    }
    if (count % ENTRIES_PER_TURN === 0) {
      await nextTurn()
    }
  }
  return found
}
