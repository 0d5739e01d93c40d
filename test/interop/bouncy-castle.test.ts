/** What Bouncy Castle finds in containers, and their timestamps, that this service has no part in and that have faults. */
import { join } from 'node:path'
import t from 'tap'
import { readSignedAttributes } from '../../src/cms/signed-attributes-reader.ts'
import { startAuthorities } from '../support/authorities.ts'
import { issue, P_256, RSA_2048 } from '../support/certificates.ts'
import {
  attribute,
  block,
  SIGNATURE_TIMESTAMP,
  signatureOf,
  signedAttributesOf,
  withUnsigned,
} from '../support/container-parts.ts'
import { timestampOver, tokenOf } from '../support/long-term-evidence.ts'
import { signInSoftware, signWithOpenssl } from '../support/software-container.ts'
import { forge, grant, tstInfoOf } from '../support/timestamp-authority.ts'
import type { JavaDemands } from '../support/validators/bouncy-castle.ts'
import { startBouncyCastle, WITHOUT_JAVA } from '../support/validators/start-bouncy-castle.ts'

const CONTENT = Buffer.from('a document that is worth keeping')
const DAY_MS = 86_400_000

t.test('Bouncy Castle', { skip: WITHOUT_JAVA }, async (t) => {
  const directory = t.testdir()
  const authorities = await startAuthorities(join(directory, 'authorities'))
  t.teardown(() => authorities.server.close())
  const bouncyCastle = await startBouncyCastle(t)
  const signer = authorities.certify({ subject: '/O=Test/CN=Signer', key: RSA_2048 })
  const other = authorities.certify({ subject: '/O=Test/CN=Other', key: P_256 })
  const chain = [authorities.issuing.issued, authorities.root.issued]
  const anchors = authorities.root.issued.certificateFile
  const timestampAnchors = authorities.timestampRoot.issued.certificateFile
  const container = signInSoftware({ content: CONTENT, signer, chain, type: 'cades' })

  /** Checks that found something wrong, with their words. */
  async function faults(cms: Buffer, demands: Partial<JavaDemands> = {}, content = CONTENT) {
    const findings = await bouncyCastle.cms(cms, content, {
      anchors,
      timestampAnchors,
      type: 'cades',
      ...demands,
    })
    return Object.fromEntries(Object.entries(findings).filter(([, finding]) => finding !== 'good'))
  }

  t.test('takes good containers for good', async (t) => {
    t.same(await faults(container), {})
    for (const signers of [[signer], [other]]) {
      for (const hash of ['sha160', 'sha224', 'sha256', 'sha384', 'sha512'] as const) {
        const cms = await signWithOpenssl({ content: CONTENT, signers, chain, hash, cades: false })
        t.same(await faults(cms, { type: 'cms' }), {}, hash)
      }
    }
    const options = {
      content: CONTENT,
      signers: [signer],
      chain,
      hash: 'sha384',
      cades: false,
      pss: true,
    } as const
    t.same(await faults(await signWithOpenssl(options), { type: 'cms' }), {}, 'PSS')
  })

  t.test('finds other bytes than those that were signed', async (t) => {
    t.match(await faults(container, {}, Buffer.from(`${CONTENT}.`)), { signature: /digest/ })
    const damaged = Buffer.from(container)
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 9) ^ 1, damaged.length - 9)
    t.match(await faults(damaged), { signature: 'it is not that of the certificate over these attributes' })
  })

  t.test(
    'refuses signatures over values that it encodes anew, for which the service makes no signature',
    async (t) => {
      for (const [what, value, isDer] of [
        ['a set in its order', '3008 3106 020101 020102', true],
        ['a set in another order', '3008 3106 020102 020101', false],
        ['TRUE', '3003 0101ff', true],
        ['another TRUE', '3003 010101', false],
        ['an indefinite length', '3080 020101 0000', false],
      ] as const) {
        const values = attribute('1.2.3.4', block(Buffer.from(value.replaceAll(' ', ''), 'hex')))
        const cms = signInSoftware({ content: CONTENT, signer, chain, type: 'cades', attributes: [values] })
        const read = () => readSignedAttributes(signedAttributesOf(cms))
        if (isDer) {
          t.same(await faults(cms), {}, what)
          t.equal(read()?.certificates.length, 1, what)
        } else {
          t.match(await faults(cms), { signature: /over these attributes/ }, what)
          t.throws(read, /^they are not the DER encoding of a SET OF Attribute/, what)
        }
      }
    },
  )

  t.test('finds a chain that does not end in an anchor, or is not valid at the time', async (t) => {
    t.match(await faults(container, { anchors: timestampAnchors }), {
      path: /Unable to find certificate chain/,
    })
    t.match(await faults(container, { at: new Date(Date.now() + 400 * DAY_MS) }), { path: /./ })
    const withoutChain = signInSoftware({ content: CONTENT, signer, chain: [], type: 'cades' })
    t.match(await faults(withoutChain), { path: /No issuer certificate/ })
  })

  t.test('finds what is not a container with one signer, or has something after it', async (t) => {
    t.match(await faults(CONTENT), { form: /./ })
    t.match(await faults(Buffer.concat([container, CONTENT])), { form: 'something follows it' })
    t.same(await faults(Buffer.concat([container, Buffer.alloc(9)])), {}, 'the hole of a PDF')
    const signers = [signer, other]
    const twice = await signWithOpenssl({ content: CONTENT, signers, chain, hash: 'sha256', cades: true })
    t.same(await faults(twice), { signers: 'there are 2' })
  })

  t.test('finds the attributes that PAdES asks for and forbids', async (t) => {
    const named = signInSoftware({ content: CONTENT, signer, named: other, chain, type: 'cades' })
    t.same(await faults(named), { 'signing-certificate': 'it is the hash of another certificate' })
    const cms = signInSoftware({ content: CONTENT, signer, chain, type: 'cms' })
    t.same(await faults(cms), { 'signing-certificate': 'there is none', 'signing-time': 'PAdES forbids it' })
    t.same(await faults(cms, { type: 'cms' }), {})
  })

  const token = await timestampOver(authorities, signatureOf(container))
  const stamped = (...tokens: Buffer[]) =>
    withUnsigned(container, ...tokens.map((one) => attribute(SIGNATURE_TIMESTAMP, block(one))))

  t.test('takes a good timestamp for good, and misses one that is not there', async (t) => {
    t.same(await faults(stamped(token), { level: 'b-t' }), {})
    t.same(await faults(container, { level: 'b-t' }), { timestamp: 'there is none' })
    t.same(await faults(stamped(token, token), { level: 'b-t' }), { timestamp: 'there are several' })
  })

  t.test(
    'finds a timestamp over other bytes, of another root, or of a certificate that is for other things',
    async (t) => {
      const elsewhere = stamped(await timestampOver(authorities, CONTENT))
      t.same(await faults(elsewhere, { level: 'b-t' }), {
        timestamp: 'it is over other bytes than the signature',
      })
      t.match(await faults(stamped(token), { level: 'b-t', timestampAnchors: anchors }), {
        'timestamp-path': /No issuer certificate/,
      })
      const damaged = Buffer.from(token)
      damaged.writeUInt8(damaged.readUInt8(damaged.length - 9) ^ 1, damaged.length - 9)
      t.match(await faults(stamped(damaged), { level: 'b-t' }), { timestamp: /./ })
      const issuer = authorities.timestampIssuing.issued
      const stranger = issue(directory, { subject: '/CN=For other things', issuer })
      const tstInfo = tstInfoOf(directory, grant(token))
      const reply = forge(directory, { tstInfo, signers: [stranger], chain: [issuer] })
      t.match(await faults(stamped(await tokenOf(reply)), { level: 'b-t' }), {
        timestamp: /extendedkeyusage/i,
      })
    },
  )

  t.test('says of what it cannot read that it is so', async (t) => {
    await t.rejects(faults(container, { anchors: join(directory, 'none.pem') }), /NoSuchFileException/)
  })
})
