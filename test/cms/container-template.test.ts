import { randomBytes } from 'node:crypto'
import * as asn1js from 'asn1js'
import fc from 'fast-check'
import * as pkijs from 'pkijs'
import t from 'tap'
import { ECDSA } from '../../src/algorithms/ecdsa.ts'
import { HASH_ALGORITHMS } from '../../src/algorithms/hash-algorithms.ts'
import { RSA_PKCS1 } from '../../src/algorithms/rsa-pkcs1.ts'
import { RSA_PSS } from '../../src/algorithms/rsa-pss.ts'
import {
  type AttributesRequest,
  type ContainerSigner,
  ContainerTemplate,
  type SignedDataRequest,
} from '../../src/cms/container-template.ts'
import type { SignerStatements } from '../../src/cms/signed-attributes.ts'
import { issue } from '../support/certificates.ts'
import { signedAttributesByPkijs, signedDataByPkijs } from '../support/pkijs-container.ts'
import { PROPERTY_RUNS } from '../support/property-runs.ts'
import { RevocationAuthority } from '../support/revocation-authority.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/C=AT/O=Prüfung/CN=root', ca: true })
const middle = issue(directory, { subject: '/O=Prüfung/CN=authority', ca: true, issuer: root })
const leaf = issue(directory, { subject: '/CN=signer/serialNumber=12', issuer: middle })
const chain = [leaf, middle, root].map(({ certificate }) => certificate.raw)
const authorities = [root, middle].map((issued) => new RevocationAuthority(directory, issued))
const crls = await Promise.all(authorities.map((authority) => authority.crl()))

const oids = fc
  .tuple(fc.nat(2), fc.nat(39), fc.array(fc.nat(2 ** 31 - 1), { maxLength: 12 }))
  .map((arcs) => arcs.flat().join('.'))
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))
/** Any DER that stands for what is put in as it is. */
const values = bytes(70_000).map((content) =>
  Buffer.from(
    new asn1js.Sequence({ value: [new asn1js.OctetString({ valueHex: new Uint8Array(content) })] }).toBER(),
  ),
)
/** A response whose basic response is anything. */
function ocspResponse(basic: Buffer): Buffer {
  const responseBytes = new pkijs.ResponseBytes({
    responseType: pkijs.id_PKIX_OCSP_Basic,
    response: new asn1js.OctetString({ valueHex: new Uint8Array(basic) }),
  })
  const responseStatus = new asn1js.Enumerated({ value: 0 })
  return Buffer.from(new pkijs.OCSPResponse({ responseStatus, responseBytes }).toSchema().toBER())
}
const hashes = fc.constantFrom(...HASH_ALGORITHMS)
const texts = fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' })

function present<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T
}

const statements = fc
  .record(
    {
      policy: fc
        .record({ id: oids, hashAlgorithm: hashes, hash: bytes(64), uri: fc.option(fc.webUrl()) })
        .map(({ uri, ...rest }) => ({ ...rest, ...(uri === null ? {} : { uri }) })),
      commitmentType: oids,
      location: fc.record(
        {
          country: texts,
          locality: texts,
          postalAddress: fc.array(texts, { minLength: 1, maxLength: 6 }),
        },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [] },
  )
  .map((value) => present(value) as SignerStatements)

const signers: fc.Arbitrary<ContainerSigner> = fc.record({
  certificates: fc.constantFrom(...[1, 2, 3].map((count) => chain.slice(0, count) as [Buffer, ...Buffer[]])),
  algorithm: fc.constantFrom(RSA_PKCS1, RSA_PSS, ECDSA),
  rsaSignatureIdentifier: fc.constantFrom('rsaEncryption' as const, 'shaWithRSAEncryption' as const),
  statements,
})

const revocationValues = fc.record({
  ocspResponses: fc.array(values.map(ocspResponse), { maxLength: 4 }),
  crls: fc.constantFrom([], crls.slice(0, 1), crls, crls.toReversed()),
})

const attributes: fc.Arbitrary<AttributesRequest> = fc
  .record(
    {
      type: fc.constantFrom('cms' as const, 'cades' as const),
      hashAlgorithm: hashes,
      messageDigest: bytes(64),
      signingTime: fc.date({
        min: new Date('1970-01-01'),
        max: new Date('2199-12-31'),
        noInvalidDate: true,
      }),
      overFile: fc.constant(true as const),
      revocationValues,
    },
    { requiredKeys: ['type', 'hashAlgorithm', 'messageDigest', 'signingTime'] },
  )
  .map(present)

const rest: fc.Arbitrary<Pick<SignedDataRequest, 'signature' | 'timestamp' | 'revocationValues'>> = fc
  .record(
    {
      signature: bytes(512),
      timestamp: values,
      revocationValues: revocationValues.filter(
        ({ ocspResponses, crls }) => ocspResponses.length + crls.length > 0,
      ),
    },
    { requiredKeys: ['signature'] },
  )
  .map(present)

t.test('containers are those of pkijs, byte for byte', async (t) => {
  let compared = 0
  fc.assert(
    fc.property(signers, attributes, rest, (signer, request, { signature, ...more }) => {
      const template = new ContainerTemplate(signer)
      const signedAttributes = template.signedAttributes(request)
      const { hashAlgorithm } = request
      const whole = { hashAlgorithm, signedAttributes, signature, ...more }
      compared += 1
      const container = signedDataByPkijs(signer, whole)
      return (
        signedAttributes.equals(signedAttributesByPkijs(signer, request)) &&
        template.signedData(whole).equals(container) &&
        template.signedDataLength(whole) === container.length
      )
    }),
    { numRuns: PROPERTY_RUNS },
  )
  t.equal(compared, PROPERTY_RUNS)
})

t.test('one template makes many containers, with each hash', async (t) => {
  const signer: ContainerSigner = {
    certificates: chain as [Buffer, ...Buffer[]],
    algorithm: RSA_PKCS1,
    rsaSignatureIdentifier: 'shaWithRSAEncryption',
    statements: {},
  }
  const template = new ContainerTemplate(signer)
  for (const hashAlgorithm of [...HASH_ALGORITHMS, ...HASH_ALGORITHMS]) {
    const request = {
      type: 'cms' as const,
      hashAlgorithm,
      messageDigest: randomBytes(hashAlgorithm.digestLength),
      signingTime: new Date(),
    }
    const signedAttributes = template.signedAttributes(request)
    t.same(signedAttributes, signedAttributesByPkijs(signer, request))
    const { content } = pkijs.ContentInfo.fromBER(
      template.signedData({ hashAlgorithm, signedAttributes, signature: randomBytes(256) }),
    )
    const { signerInfos } = new pkijs.SignedData({ schema: content })
    t.equal(signerInfos[0]?.digestAlgorithm.algorithmId, hashAlgorithm.oid)
  }
})
