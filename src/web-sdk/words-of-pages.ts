/** Words refusals for pages, whose fields have other names than those of the callback. */

/** Names of the callback's fields in messages of the rooms below, with those that pages have for them. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  // The signing token of a page names the signer alone
  [/^signing_token: is required, or (an Authorization header.*)$/, '$1 is required'],
  [
    /\bwhich only the path does, as \/sign\/NAME, and the signing_token\b/,
    'which only the signingToken does',
  ],
  [
    /\bname the signer in the path, as \/sign\/NAME, or beside the token, as .*/,
    'name the signer in the signingToken, as {"signer":"NAME"}',
  ],
  [/\bor the path must, as \/sign\/NAME: /, ''],
  [/\bget_certificates and sign need\b/, 'get_certificates and sign_hash need'],
  [/\bsigning_token\b/g, 'signingToken'],
  [/\bhash_algorithm\b/g, 'hashAlgorithm'],
  [/\bsignature_type\b/g, 'signatureType'],
  [/\bsignature_container\b/g, 'signatureContainer'],
]

/** Returns an error with the names of a page's fields in its message. */
export function inWordsOfPages<T extends Error>(error: T): T {
  const message = WORDS.reduce((text, [pattern, words]) => text.replace(pattern, words), error.message)
  if (message !== error.message) {
    error.message = message
  }
  return error
}
