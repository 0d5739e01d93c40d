/** More different return values than a sane token gives. */
const MAX_RETURN_VALUES = 50

/**
 * Limits the values of a label, each of which is a time series that is stored for months. Known words pass, and a
 * number of PKCS#11 names; vendors' numbers become `CKR_VENDOR_DEFINED`, and anything else becomes `other`.
 */
export class LabelValues {
  readonly #known: Set<string>
  readonly #limit: number

  constructor(words: readonly string[]) {
    this.#known = new Set(words)
    this.#limit = words.length + MAX_RETURN_VALUES
  }

  bound(reason: string): string {
    if (this.#known.has(reason)) {
      return reason
    }
    if (/^0x[0-9a-f]+$/i.test(reason)) {
      return 'CKR_VENDOR_DEFINED'
    }
    if (/^CKR_[A-Z0-9_]{1,60}$/.test(reason) && this.#known.size < this.#limit) {
      this.#known.add(reason)
      return reason
    }
    return 'other'
  }
}
