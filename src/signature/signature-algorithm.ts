export type SignatureAlgorithmName = 'rsassa-pkcs1-v1_5' | 'rsassa-pss' | 'ecdsa'
