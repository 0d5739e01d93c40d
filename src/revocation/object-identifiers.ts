// Extensions of CRLs (RFC 5280 5.2)
export const ID_CRL_NUMBER = '2.5.29.20'
export const ID_DELTA_CRL_INDICATOR = '2.5.29.27'
export const ID_ISSUING_DISTRIBUTION_POINT = '2.5.29.28'

// Extensions of CRL entries (RFC 5280 5.3)
export const ID_REASON_CODE = '2.5.29.21'
export const ID_INVALIDITY_DATE = '2.5.29.24'
/** Names the issuer of the certificates of this entry and the next ones, in an indirect CRL (RFC 5280 5.3.3). */
export const ID_CERTIFICATE_ISSUER = '2.5.29.29'

// OCSP (RFC 6960 4.2.1 and 4.4.1)
export const ID_BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1'
export const ID_OCSP_NONCE = '1.3.6.1.5.5.7.48.1.2'
