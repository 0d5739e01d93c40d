/** Finds the records of signatures that a document has. */
import type { DecisionRecord } from '../../schemas/audit-record.ts'
import type { PdfSignature } from './pdf-signatures.ts'
import type { PlacedRecord } from './read-record.ts'

/** Records of each sort that are kept of a signature. A document can be sent again and again. */
const MAX_RECORDS = 10

export interface MatchingRecord extends PlacedRecord {
  readonly record: DecisionRecord
  /**
   * The part that matches: the signature; or the digest, if the record has no signature; or the digest alone, if the record
   * has another signature.
   */
  readonly by: 'signature' | 'digest' | 'digest alone'
}

export interface FoundSignature {
  readonly signature: PdfSignature
  /** False if the bytes of the file are not those that were signed. */
  readonly intact: boolean
  readonly records: readonly MatchingRecord[]
  /** Number of further records, which are not listed. */
  readonly more: number
}

interface Sought {
  readonly signature: PdfSignature
  readonly records: MatchingRecord[]
  more: number
}

/** Takes the records of a log one after another, and keeps those of the signatures of a document. */
export class SignatureFinder {
  readonly #sought: readonly Sought[]
  /** Keyed by SHA-256 of the signature, and by the digests that a record of it can have. */
  readonly #byHash = new Map<string, Set<Sought>>()

  constructor(signatures: readonly PdfSignature[]) {
    this.#sought = signatures.map((signature) => ({ signature, records: [], more: 0 }))
    for (const sought of this.#sought) {
      for (const hash of [sought.signature.signatureSha256, ...digestsOf(sought.signature)]) {
        this.#byHash.set(hash, (this.#byHash.get(hash) ?? new Set()).add(sought))
      }
    }
  }

  add({ record, file, line }: PlacedRecord): void {
    if (record.kind !== 'decision') {
      return
    }
    const { signatureSha256 = '', digest = '' } = record
    const candidates = new Set([...this.#find(signatureSha256), ...this.#find(digest)])
    for (const sought of candidates) {
      const by = findMatch(record, sought.signature)
      if (by !== undefined && sought.records.filter((one) => one.by === by).length < MAX_RECORDS) {
        sought.records.push({ record, file, line, by })
      } else if (by !== undefined) {
        sought.more += 1
      }
    }
  }

  /** Returns what was found of each signature, in the order of the document. */
  get found(): FoundSignature[] {
    return this.#sought.map(({ signature, records, more }) => ({
      ...{ signature, more },
      // A record of the signature itself comes before those of others over the same contents
      records: records.toSorted((one, other) => ORDER.indexOf(one.by) - ORDER.indexOf(other.by)),
      intact: isIntact(signature, records),
    }))
  }

  #find(hash: string): Iterable<Sought> {
    return this.#byHash.get(hash) ?? []
  }
}

const ORDER: readonly MatchingRecord['by'][] = ['signature', 'digest', 'digest alone']

/** Returns whether a signature is recorded, or a timestamp which needs no record, and the document is the one that was signed. */
export function isRecorded({ signature, intact, records }: FoundSignature): boolean {
  return intact && (signature.kind === 'timestamp' || records.some(({ by }) => by !== 'digest alone'))
}

/** Returns the digests that a record of a signature can have: of the contents, and of the signed attributes. */
function digestsOf({ contentsDigest, attributesDigest = contentsDigest }: PdfSignature): string[] {
  return [contentsDigest, attributesDigest]
}

function findMatch(record: DecisionRecord, signature: PdfSignature): MatchingRecord['by'] | undefined {
  if (record.signatureSha256 === signature.signatureSha256) {
    return 'signature'
  }
  if (record.outcome !== 'signed') {
    return undefined
  }
  return record.signatureSha256 === undefined ? 'digest' : 'digest alone'
}

function isIntact(signature: PdfSignature, records: readonly MatchingRecord[]): boolean {
  const { contentsDigest, messageDigest = contentsDigest } = signature
  const digests = digestsOf(signature)
  return (
    messageDigest === contentsDigest &&
    records.every(({ record: { digest = contentsDigest } }) => digests.includes(digest))
  )
}
