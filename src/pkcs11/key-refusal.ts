/** Return values by which a token refuses a key for good (PKCS#11 2.40 5.1), with their meaning. */
const ADVICE: Readonly<Record<string, string>> = {
  CKR_KEY_FUNCTION_NOT_PERMITTED: 'the key, or a policy of the HSM, does not allow it to sign',
  CKR_MECHANISM_INVALID: 'the HSM does not allow the mechanism for this key',
  CKR_MECHANISM_PARAM_INVALID:
    'the HSM does not allow the parameters of the mechanism, such as the hash of PSS',
  CKR_KEY_TYPE_INCONSISTENT: 'the key is of another type than the mechanism',
  CKR_KEY_SIZE_RANGE: 'the HSM does not sign with keys of its size',
  CKR_DATA_INVALID: 'the HSM does not sign a digest with this key',
  CKR_DATA_LEN_RANGE: 'the HSM does not sign a digest of this length with this key',
}

/** Returns what a return value means for a key that has never signed; undefined where another try may help. */
export function explainRefusal(returnValue: string): string | undefined {
  return ADVICE[returnValue]
}
