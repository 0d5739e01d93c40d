/**
 * The body of every callback. The vendor declares no field as required and newer Document Engines add fields, so
 * each is optional, null counts as absent and unknown ones pass; which ones an action needs is `src/callback/`'s.
 */
import { type Static, Type } from 'typebox'
import { nullableText } from './settings.ts'

export const CallbackBody = Type.Object(
  {
    action: nullableText('sign, sign_pkcs7 or get_certificates; absent in the requests of 2019 to 2021'),
    digest: nullableText('Hex digest of the bytes to sign, made with hash_algorithm'),
    encoded_contents: nullableText('Base64 of the bytes that the ByteRange covers'),
    data_to_be_signed: nullableText('Base64 of the bytes to hash and sign: DER signed attributes'),
    hash_algorithm: nullableText(
      'sha256, sha384, sha512, and sha224 or sha160 where allowed; by default what the length of the digest tells, or sha256',
    ),
    signature_type: nullableText('cms (default) or cades'),
    signature_container: nullableText('raw or pkcs7: what action sign returns'),
    signatureContainer: nullableText('The same as signature_container'),
    signing_token: nullableText('Handed through from the sign request; never logged'),
    encodedContents: nullableText(
      'Base64 of the bytes to sign: the request that is answered as {"p7": "..."}; null with a hash alone',
    ),
    hash: nullableText('Hex digest beside encodedContents, or in place of them'),
  },
  { title: 'Callback request' },
)
export type CallbackBody = Static<typeof CallbackBody>
