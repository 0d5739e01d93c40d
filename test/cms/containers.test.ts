import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { ECDSA } from '../../src/algorithms/ecdsa.ts'
import { HASH_ALGORITHMS, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { RSA_PKCS1 } from '../../src/algorithms/rsa-pkcs1.ts'
import { RSA_PSS } from '../../src/algorithms/rsa-pss.ts'
import type { SignatureAlgorithm } from '../../src/algorithms/signature-algorithm.ts'
import { ContainerTemplate } from '../../src/cms/container-template.ts'
import { type Issued, issue, RSA_2048 } from '../support/certificates.ts'
import { SoftwareKey } from '../support/software-key.ts'
import { asn1Values, childrenOf } from '../support/validators/asn1-values.ts'
import { verifyCms } from '../support/validators/openssl.ts'

const directory = t.testdir()
const content = randomBytes(1000)
const root = issue(directory, { subject: '/CN=root', ca: true })
const signer = (...key: string[]) => issue(directory, { subject: '/CN=signer', issuer: root, key })
const rsa = signer(...RSA_2048)
const pss = signer('-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048')
const curves = ['P-256', 'P-384', 'P-521'].map((curve) =>
  signer('-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`),
)

function digest({ nodeName }: HashAlgorithm, data: Uint8Array): Buffer {
  return createHash(nodeName).update(data).digest()
}

type RsaSignatureIdentifier = 'rsaEncryption' | 'shaWithRSAEncryption'

function createContainer(
  algorithm: SignatureAlgorithm,
  hashAlgorithm: HashAlgorithm,
  issued: Issued,
  rsaSignatureIdentifier: RsaSignatureIdentifier = 'rsaEncryption',
) {
  const key = new SoftwareKey(issued.keyFile)
  const template = new ContainerTemplate({
    certificates: [issued.certificate.raw],
    algorithm,
    rsaSignatureIdentifier,
    statements: {},
  })
  const signedAttributes = template.signedAttributes({
    type: 'cades',
    hashAlgorithm,
    messageDigest: digest(hashAlgorithm, content),
    signingTime: new Date(),
  })
  const input = algorithm.tokenInput(hashAlgorithm, digest(hashAlgorithm, signedAttributes), key.publicKey)
  const signature = algorithm.encode(key.sign(algorithm.mechanism(hashAlgorithm), input))
  return { cms: template.signedData({ hashAlgorithm, signedAttributes, signature }), signature }
}

/** The AlgorithmIdentifiers of the hash and of the signature, in hex. */
async function identifiersIn(container: Buffer): Promise<readonly string[]> {
  const values = await asn1Values(container)
  // ContentInfo > [0] > SignedData > signerInfos, the last > SignerInfo
  const signerInfo = values.filter(({ depth }) => depth === 4).at(-1)
  const fields = signerInfo === undefined ? [] : childrenOf(values, signerInfo)
  // version, sid, digestAlgorithm, [0] signedAttrs, signatureAlgorithm, signature (RFC 5652 5.3)
  return [fields[2], fields[4]].map((field) => `${field?.der.toString('hex')}`)
}

t.test('every algorithm makes containers that openssl verifies, with every hash', async (t) => {
  for (const [algorithm, issued] of [
    [RSA_PKCS1, rsa],
    [RSA_PSS, rsa],
    [RSA_PSS, pss],
    ...curves.map((curve) => [ECDSA, curve] as const),
  ] as const) {
    for (const hash of HASH_ALGORITHMS) {
      const { cms, signature } = createContainer(algorithm, hash, issued)
      const verified = await verifyCms({ cms, content, trustAnchors: root.certificateFile, cades: true })
      t.match(verified, { valid: true }, `${algorithm.name} with ${hash.name}`)
      t.ok(signature.length <= algorithm.maxLength(issued.certificate.publicKey))
      t.match(await verifyCms({ cms, content: Buffer.from('other') }), { valid: false })
    }
  }
})

t.test('the algorithm of the signature is told as the RFCs demand', async (t) => {
  const hashes = HASH_ALGORITHMS.filter(({ name }) => ['sha160', 'sha256', 'sha512'].includes(name))
  const [curve] = curves as [Issued]
  const identifiers = async (algorithm: SignatureAlgorithm, issued: Issued, rsa?: RsaSignatureIdentifier) =>
    Promise.all(hashes.map((hash) => identifiersIn(createContainer(algorithm, hash, issued, rsa).cms)))
  // RFC 3370 2.1, RFC 5754 2: without parameters
  const digests = ['300706052b0e03021a', '300b0609608648016503040201', '300b0609608648016503040203']
  const withSignature = (signatures: readonly string[]) =>
    digests.map((one, index) => [one, signatures[index]])
  const rsaEncryption = '300d06092a864886f70d0101010500'
  t.same(await identifiers(RSA_PKCS1, rsa), withSignature(Array(3).fill(rsaEncryption)))
  const shaWithRsa = ['05', '0b', '0d'].map((arc) => `300d06092a864886f70d0101${arc}0500`)
  t.same(await identifiers(RSA_PKCS1, rsa, 'shaWithRSAEncryption'), withSignature(shaWithRsa))
  t.same(await identifiers(ECDSA, curve, 'shaWithRSAEncryption'), await identifiers(ECDSA, curve))
  t.same(
    await identifiers(ECDSA, curve),
    withSignature(['300906072a8648ce3d0401', '300a06082a8648ce3d040302', '300a06082a8648ce3d040304']),
  )
  const sha256 = '300d06096086480165030402010500'
  const sha512 = '300d06096086480165030402030500'
  const mgf1 = '06092a864886f70d010108'
  t.same(
    await identifiers(RSA_PSS, rsa),
    withSignature([
      // SHA-1, MGF1 with it and 20 bytes of salt are the defaults: DER leaves them out
      '300d06092a864886f70d01010a3000',
      `304106092a864886f70d01010a3034a00f${sha256}a11c301a${mgf1}${sha256}a203020120`,
      `304106092a864886f70d01010a3034a00f${sha512}a11c301a${mgf1}${sha512}a203020140`,
    ]),
  )
})
