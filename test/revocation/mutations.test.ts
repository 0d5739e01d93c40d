import fc from 'fast-check'
import t from 'tap'
import { checkCrl } from '../../src/revocation/crl/crl-check.ts'
import { checkOcspResponse } from '../../src/revocation/ocsp/ocsp-check.ts'
import { createOcspRequest } from '../../src/revocation/ocsp/ocsp-request.ts'
import { readCertificateFields } from '../../src/x509/certificate-fields.ts'
import { issue } from '../support/certificates.ts'
import { PROPERTY_RUNS } from '../support/property-runs.ts'
import { judgeCrl, judgeOcsp, RevocationAuthority } from '../support/revocation-authority.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=root', ca: true })
const leaf = issue(directory, { subject: '/CN=leaf', issuer: root })
const responder = issue(directory, {
  subject: '/CN=responder',
  issuer: root,
  extensions: ['extendedKeyUsage = OCSPSigning', 'noCheck = ignored'],
})
const authority = new RevocationAuthority(directory, root)
authority.know(leaf.certificate)
authority.revoke({ serialNumber: '0102' }, new Date(), 'superseded')

/** One octet in the place of some. */
const mutation = fc.record({
  at: fc.nat(),
  octet: fc.oneof(fc.nat(255), fc.constantFrom(0x00, 0x01, 0x30, 0x7f, 0x80, 0x81, 0xa0, 0xff)),
  removed: fc.constantFrom(0, 1, 1, 1, 1, 2, 40),
})

function mutate(der: Buffer, mutations: readonly { at: number; octet: number; removed: number }[]): Buffer {
  return mutations.reduce((bytes, { at, octet, removed }) => {
    const place = at % (bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, place), Buffer.from([octet]), bytes.subarray(place + removed)])
  }, der)
}

/** Each is refused with an error in words, or accepted by openssl too. Returns how many were accepted. */
async function accepted(
  der: Buffer,
  check: (mutated: Buffer) => Promise<unknown>,
  judge: (mutated: Buffer) => boolean,
): Promise<number> {
  let count = 0
  const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 })
  const property = fc.asyncProperty(mutations, async (list) => {
    const mutated = mutate(der, list)
    const outcome = await check(mutated).catch((error: unknown) => error)
    if (outcome instanceof Error) {
      return outcome.message !== '' && !/undefined|TypeError|RangeError|error:/.test(`${outcome}`)
    }
    count++
    return mutated.equals(der) || judge(mutated)
  })
  await fc.assert(property, { numRuns: PROPERTY_RUNS })
  return count
}

t.test('OCSP answers that were changed on their way', async (t) => {
  const certificate = readCertificateFields(leaf.certificate)
  const issuerFields = readCertificateFields(root.certificate)
  const { der: request, nonce } = createOcspRequest(certificate, issuerFields)
  const question = { certificate, issuer: root.certificate, issuerFields, nonce }
  const der = await authority.respond(request, { signer: responder })
  const count = await accepted(
    der,
    async (mutated) => {
      const { revocation } = await checkOcspResponse(mutated, question, new Date())
      t.equal(revocation, undefined)
    },
    (mutated) => judgeOcsp(directory, mutated, { certificate: leaf, issuer: root, root }) === 'good',
  )
  t.ok(count < PROPERTY_RUNS / 5, `${count} of them are as good`)
})

t.test('CRLs that were changed on their way', async (t) => {
  const options = { issuer: root.certificate, serialNumbers: new Set(['0102']) }
  const der = await authority.crl({ extensions: ['authorityKeyIdentifier = keyid'] })
  const count = await accepted(
    der,
    async (mutated) => {
      const { revocations } = await checkCrl(mutated, options, new Date())
      t.equal(revocations.size, 1)
    },
    (mutated) => judgeCrl(directory, mutated, root),
  )
  t.ok(count < PROPERTY_RUNS / 5, `${count} of them are as good`)
})
