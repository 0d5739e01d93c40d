/** Whether a container alone says that nothing was revoked: what the JDK's PKIX, without a network, finds missing or wrong. */
import { join } from 'node:path'
import t from 'tap'
import { encode } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { checkCrl } from '../../src/revocation/crl/crl-check.ts'
import { ID_OCSP_NONCE } from '../../src/revocation/ocsp/ocsp-request.ts'
import { CRL_EXTENSIONS, issueResponder, startAuthorities } from '../support/authorities.ts'
import { RSA_2048 } from '../support/certificates.ts'
import { createLongTermContainer, PLACES, type Place } from '../support/long-term-container.ts'
import { type Evidence, evidenceAbout, ocspAbout } from '../support/long-term-evidence.ts'
import {
  attribute,
  CERTIFICATE,
  COMMON_NAME,
  CRL,
  extensionsOf,
  nameOf,
  ORGANIZATION,
  reissue,
  resign,
  resignAnswer,
} from '../support/resigned.ts'
import type { JavaDemands } from '../support/validators/bouncy-castle.ts'
import { startBouncyCastle, WITHOUT_JAVA } from '../support/validators/start-bouncy-castle.ts'

const CONTENT = Buffer.from('a document that is worth keeping for long')
const DAY_MS = 86_400_000

t.test('revocation information in containers', { skip: WITHOUT_JAVA }, async (t) => {
  const directory = t.testdir()
  const authorities = await startAuthorities(join(directory, 'authorities'))
  t.teardown(() => authorities.server.close())
  const { root, issuing, responder, timestampRoot, timestampIssuing, timestamps } = authorities
  const bouncyCastle = await startBouncyCastle(t)
  const signer = authorities.certify({ subject: '/O=Test/CN=Signer', key: RSA_2048 })
  const complete = await evidenceAbout(authorities, signer)

  const container = (evidence: Evidence, place: Place = 'adbe-revocationInfoArchival') =>
    createLongTermContainer(authorities, { content: CONTENT, signer, type: 'cades', evidence, place })

  async function faults(cms: Buffer, demands: Partial<JavaDemands> = {}) {
    const findings = await bouncyCastle.cms(cms, CONTENT, {
      ...{ type: 'cades', level: 'b-lt', anchors: root.issued.certificateFile },
      timestampAnchors: timestampRoot.issued.certificateFile,
      ...demands,
    })
    return Object.fromEntries(Object.entries(findings).filter(([, finding]) => finding !== 'good'))
  }

  for (const place of PLACES) {
    t.test(`all of it in ${place} is enough, and nobody is asked`, async (t) => {
      const cms = await container(complete, place)
      t.same(await faults(cms), {})
      t.same(await faults(cms, { at: new Date() }), {})
      t.same(authorities.server.asked, [])
    })
  }

  const without = (evidence: Evidence, ...names: string[]): Evidence => {
    const kept = <T extends object>(all: T) =>
      Object.fromEntries(Object.entries(all).filter(([name]) => !names.includes(name))) as T
    return { crls: kept(evidence.crls), responses: kept(evidence.responses) }
  }

  t.test('what is missing about any certificate is missed', async (t) => {
    for (const place of PLACES) {
      const cms = await container(without(complete, 'signer'), place)
      t.match(await faults(cms), { revocation: /CN=Signer.* may be revoked/ }, place)
    }
    const expected = {
      issuing: { revocation: /CN=Issuing CA.* may be revoked/ },
      timestamps: { 'timestamp-revocation': /CN=Timestamps.* may be revoked/ },
      timestampIssuing: { 'timestamp-revocation': /CN=Timestamp CA.* may be revoked/ },
    }
    for (const [name, finding] of Object.entries(expected)) {
      const found = await faults(await container(without(complete, name)))
      t.match(found, finding)
      t.equal(Object.keys(found).length, 1, name)
    }
    t.same(Object.keys(await faults(await container({ crls: {}, responses: {} } as never))), [
      'revocation',
      'timestamp-revocation',
    ])
    t.same(authorities.server.asked, [])
  })

  t.test('a revoked certificate is found, be it by OCSP or by a CRL', async (t) => {
    const yesterday = new Date(Date.now() - DAY_MS)
    issuing.revoke(signer.certificate, yesterday, 'keyCompromise')
    const bySigner = await ocspAbout(signer, issuing, { signer: responder })
    issuing.know(signer.certificate)
    t.match(
      await faults(await container({ ...complete, responses: { ...complete.responses, signer: bySigner } })),
      {
        revocation: /CN=Signer.* is revoked/,
      },
    )
    timestampIssuing.revoke(timestamps.certificate, yesterday, 'keyCompromise')
    const list = await timestampIssuing.crl({ extensions: CRL_EXTENSIONS })
    timestampIssuing.know(timestamps.certificate)
    t.match(await faults(await container({ ...complete, crls: { ...complete.crls, timestamps: list } })), {
      'timestamp-revocation': /CN=Timestamps.* is revoked/,
    })
  })

  async function withAnswer(answer: Promise<Buffer>) {
    return faults(
      await container({ ...complete, responses: { ...complete.responses, signer: await answer } }),
    )
  }

  t.test('answers of strangers, of other times and about other certificates do not count', async (t) => {
    const revocation = /CN=Signer.* may be revoked/
    const stranger = issueResponder(directory, timestampRoot.issued)
    t.match(await withAnswer(ocspAbout(signer, issuing, { signer: stranger })), { revocation: /./ })
    t.match(await withAnswer(ocspAbout(issuing.issued, root)), { revocation })
    const cms = await container(complete)
    t.match(await faults(cms, { at: new Date(Date.now() + 2 * DAY_MS) }), {
      revocation: / may be revoked/,
      'timestamp-revocation': / may be revoked/,
    })
  })

  t.test('what the service warns of in responders', async (t) => {
    const answeredBy = (tag: number) => {
      const [organization, name] = [
        attribute(ORGANIZATION, TAG.utf8String, 'Test'),
        attribute(COMMON_NAME, tag, 'Issuing CA'),
      ]
      const changed = { [CERTIFICATE.issuer]: nameOf(organization, name) }
      return withAnswer(ocspAbout(signer, issuing, { signer: reissue(responder, issuing.issued, changed) }))
    }
    t.match(await answeredBy(TAG.teletexString), { revocation: /is not authorized to sign OCSP responses/ })
    t.same(await answeredBy(TAG.utf8String), {})
  })

  t.test('what the service warns of in OCSP responses', async (t) => {
    const nonce = encode(TAG.octetString, Buffer.alloc(16))
    const withNonce = (critical?: boolean) =>
      resignAnswer(complete.responses.signer, responder.keyFile, (fields) => {
        const extensions = extensionsOf(1, [ID_OCSP_NONCE, nonce, critical])
        return { 2: Buffer.concat([fields[2] as Buffer, extensions]) }
      })
    t.match(await withAnswer(Promise.resolve(withNonce(true))), { revocation: /CN=Signer.* may be revoked/ })
    t.same(await withAnswer(Promise.resolve(withNonce())), {})
  })

  t.test('CRLs that their issuer did not sign do not count', async (t) => {
    const damaged = Buffer.from(complete.crls.issuing)
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 9) ^ 1, damaged.length - 9)
    const found = await faults(await container({ ...complete, crls: { ...complete.crls, issuing: damaged } }))
    t.match(found, { revocation: /CN=Issuing CA.* may be revoked/ })
  })

  t.test('what the service warns of in CRLs', async (t) => {
    const { keyFile } = timestampIssuing.issued
    const withList = async (timestamps: Buffer) =>
      faults(await container({ ...complete, crls: { ...complete.crls, timestamps } }))
    const extension = (id: string) => extensionsOf(0, [id, Buffer.from('0500', 'hex')])
    const version = (number: number) => encode(TAG.integer, Buffer.of(number))
    const issuerAs = (tag: number) => ({
      [CRL.issuer]: nameOf(
        attribute(ORGANIZATION, TAG.utf8String, 'Test'),
        attribute(COMMON_NAME, tag, 'Timestamp CA'),
      ),
    })
    t.same(await withList(resign(complete.crls.timestamps, keyFile, issuerAs(TAG.printableString))), {})
    for (const fields of [
      { [CRL.version]: version(0) },
      { [CRL.version]: version(2) },
      ...['2.5.29.20', '2.5.29.18', '2.5.29.46', '1.3.6.1.5.5.7.1.1'].map((id) => ({
        [CRL.extensions - 1]: extension(id),
      })),
      issuerAs(TAG.teletexString),
      { [CRL.extensions - 1]: extensionsOf(0, ['2.5.29.20', Buffer.from('020107', 'hex'), false]) },
    ]) {
      const list = resign(complete.crls.timestamps, keyFile, fields)
      const question = { issuer: timestampIssuing.issued.certificate, serialNumbers: new Set<string>() }
      t.match((await checkCrl(list, question, new Date())).doubt, /Bouncy Castle/)
      t.match(await withList(list), { 'timestamp-revocation': /./ })
    }
    timestampIssuing.revoke(timestamps.certificate, new Date(Date.now() - DAY_MS), 'removeFromCRL')
    const removed = await timestampIssuing.crl({ extensions: CRL_EXTENSIONS })
    timestampIssuing.know(timestamps.certificate)
    t.match(await withList(removed), { 'timestamp-revocation': /CN=Timestamps.* is revoked/ })
  })

  t.test('a responder that may itself have been revoked needs information of its own', async (t) => {
    const checked = issueResponder(directory, issuing.issued, '')
    issuing.know(checked.certificate)
    const answer = ocspAbout(signer, issuing, { signer: checked })
    t.match(await withAnswer(answer), { revocation: /CN=OCSP responder.* may be revoked/ })
    const list = await issuing.crl({ extensions: CRL_EXTENSIONS })
    const both = {
      crls: { ...complete.crls, responder: list },
      responses: { ...complete.responses, signer: await answer },
    }
    t.same(await faults(await container(both)), {})
    // The service prefers a CRL of the signer to an answer with such a one
    const version = { [CRL.version]: encode(TAG.integer, Buffer.of(0)) }
    const doubted = resign(list, issuing.issued.keyFile, version)
    const crls = { ...both.crls, responder: doubted }
    t.match(await faults(await container({ ...both, crls })), { revocation: /Invalid version/ })
  })
})
