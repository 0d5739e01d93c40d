/** What NSS's cmsutil, gpgsm and `openssl ts -verify` find in containers that OpenSSL made and that have faults. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startAuthorities } from '../support/authorities.ts'
import { RSA_2048 } from '../support/certificates.ts'
import { timestampOver } from '../support/long-term-evidence.ts'
import { signWithOpenssl } from '../support/software-container.ts'
import { Gpgsm, hasGpgsm } from '../support/validators/gpgsm.ts'
import { cmsutil, makeNssDatabase } from '../support/validators/nss.ts'
import { type Verification, verifyTimestamp } from '../support/validators/openssl.ts'

const CONTENT = Buffer.from('a document that others look at')
const OTHER_CONTENT = Buffer.from('another document')

const directory = t.testdir()
const authorities = await startAuthorities(join(directory, 'authorities'))
t.teardown(() => authorities.server.close())
const chain = [authorities.issuing.issued, authorities.root.issued]
const anchor = authorities.root.issued.certificateFile
const otherAnchor = authorities.timestampRoot.issued.certificateFile
const signers = {
  rsa: authorities.certify({ subject: '/O=Test/CN=RSA', key: RSA_2048 }),
  'p-256': authorities.certify({ subject: '/O=Test/CN=P-256' }),
}

/** The last octets of a DER value are those of a signature here. */
function damage(der: Buffer): Buffer {
  const damaged = Buffer.from(der)
  damaged.writeUInt8(damaged.readUInt8(damaged.length - 9) ^ 1, damaged.length - 9)
  return damaged
}

type Verify = (cms: Buffer, content: Buffer) => Promise<Verification>

async function checkFaults(t: Test, trusting: Verify, suspecting: Verify) {
  for (const [name, signer] of Object.entries(signers)) {
    for (const pss of name === 'rsa' ? [false, true] : [false]) {
      const options = {
        content: CONTENT,
        signers: [signer],
        chain,
        hash: 'sha256',
        cades: true,
        pss,
      } as const
      const cms = await signWithOpenssl(options)
      const what = pss ? `${name} PSS` : name
      t.match(await trusting(cms, CONTENT), { valid: true }, what)
      t.match(await trusting(cms, OTHER_CONTENT), { valid: false, message: /./ }, `${what}, other content`)
      t.match(await trusting(damage(cms), CONTENT), { valid: false, message: /./ }, `${what}, damaged`)
      t.match(await suspecting(cms, CONTENT), { valid: false, message: /./ }, `${what}, another anchor`)
    }
  }
  t.match(await trusting(CONTENT, CONTENT), { valid: false, message: /./ })
}

t.test('cmsutil', async (t) => {
  const trusted = await makeNssDatabase(join(directory, 'trusted'), [anchor])
  const other = await makeNssDatabase(join(directory, 'other'), [otherAnchor])
  await checkFaults(
    t,
    (cms, content) => cmsutil(cms, content, trusted),
    (cms, content) => cmsutil(cms, content, other),
  )
})

t.test('gpgsm', { skip: !hasGpgsm() && 'docker/install-tools.sh gpgsm installs it' }, async (t) => {
  const trusting = new Gpgsm([anchor])
  const suspecting = new Gpgsm([otherAnchor])
  t.teardown(() => Promise.all([trusting.close(), suspecting.close()]))
  await checkFaults(
    t,
    (cms, content) => trusting.verify(cms, content),
    (cms, content) => suspecting.verify(cms, content),
  )
})

t.test('openssl ts -verify', async (t) => {
  const token = await timestampOver(authorities, CONTENT)
  const verify = (input: { token?: Buffer; data?: Buffer; trustAnchors?: string }) =>
    verifyTimestamp({ token, data: CONTENT, trustAnchors: otherAnchor, ...input })
  t.match(await verify({}), { valid: true, message: /Verification: OK/ })
  t.match(await verify({ data: OTHER_CONTENT }), { valid: false, message: /imprint/ })
  t.match(await verify({ trustAnchors: anchor }), { valid: false, message: /certificate verify error/ })
  t.match(await verify({ token: damage(token) }), { valid: false, message: /signature failure/ })
  t.match(await verify({ token: CONTENT }), { valid: false, message: /./ })
})
