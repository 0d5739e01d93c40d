// Content types (RFC 5652 4 and 5.1, RFC 3161 2.4.2)
export const ID_DATA = '1.2.840.113549.1.7.1'
export const ID_SIGNED_DATA = '1.2.840.113549.1.7.2'
export const ID_CT_TST_INFO = '1.2.840.113549.1.9.16.1.4'

// Signed attributes (RFC 5652 11, RFC 6211, RFC 2634 5.4, RFC 5035, EN 319 122-1 5.2)
export const ID_CONTENT_TYPE = '1.2.840.113549.1.9.3'
export const ID_MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
export const ID_SIGNING_TIME = '1.2.840.113549.1.9.5'
export const ID_CMS_ALGORITHM_PROTECTION = '1.2.840.113549.1.9.52'
export const ID_SIGNING_CERTIFICATE = '1.2.840.113549.1.9.16.2.12'
export const ID_SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47'
export const ID_SIGNATURE_POLICY = '1.2.840.113549.1.9.16.2.15'
export const ID_SIGNATURE_POLICY_URI = '1.2.840.113549.1.9.16.5.1'
export const ID_COMMITMENT_TYPE = '1.2.840.113549.1.9.16.2.16'
export const ID_SIGNER_LOCATION = '1.2.840.113549.1.9.16.2.17'
/** adbe-revocationInfoArchival (ISO 32000-2 12.8.3.3.2). */
export const ID_REVOCATION_INFO_ARCHIVAL = '1.2.840.113583.1.1.8'

// Unsigned attributes (RFC 5652 11.4, EN 319 122-1 5.3 and A.1.4)
export const ID_COUNTERSIGNATURE = '1.2.840.113549.1.9.6'
export const ID_SIGNATURE_TIMESTAMP = '1.2.840.113549.1.9.16.2.14'
export const ID_REVOCATION_VALUES = '1.2.840.113549.1.9.16.2.24'

/** OCSP responses in SignedData.crls (RFC 5940 2). */
export const ID_OCSP_RESPONSE = '1.3.6.1.5.5.7.16.2'
