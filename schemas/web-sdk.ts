/**
 * The bodies of the requests by which pages of the Web SDK sign. Newer SDKs may add fields, so unknown ones pass, and null
 * counts as absent.
 */
import { type Static, Type } from 'typebox'
import { nullableText } from './settings.ts'

const signingToken = nullableText('Names the signer, as {"signer":"NAME"}; never logged')

export const CertificatesBody = Type.Object({ signingToken }, { title: 'Web SDK certificates request' })
export type CertificatesBody = Static<typeof CertificatesBody>

export const SignHashBody = Type.Object(
  {
    dataToBeSigned: nullableText('Base64 of the DER signed attributes (RFC 5652 5.4); required'),
    hash: nullableText(
      'Hex digest of the bytes to sign, which is the message-digest among the attributes; required',
    ),
    signatureType: nullableText('CAdES (default) or CMS'),
    cadesLevel: nullableText('b-b, b-t or b-lt; the level of the signer at most, which is the default'),
    hashAlgorithm: nullableText('sha256, sha384 or sha512; by default what the length of hash tells'),
    signingToken,
  },
  { title: 'Web SDK signature request' },
)
export type SignHashBody = Static<typeof SignHashBody>
