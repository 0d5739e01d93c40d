import { createHash } from 'node:crypto'
import t from 'tap'
import { checkAddress, checkGrant, type Grant, type GrantedUse } from '../../src/access/grant.ts'
import { parseNetworks } from '../../src/common/networks.ts'

const DIGEST = createHash('sha256').update('document').digest()
const USE = {
  signer: 'contracts',
  signature: { container: 'raw', hashAlgorithm: 'sha256', digest: DIGEST },
} as const

function refusal(message: string) {
  return { code: 'NOT_ALLOWED', statusCode: 403, message }
}

t.test('a grant without restrictions permits everything', async () => {
  checkGrant({}, USE)
  checkGrant({ subject: 'alice' }, { signer: 'contracts' })
})

t.test('each restriction refuses what it does not name, and says no more', async (t) => {
  const wide = {
    signers: ['invoices', 'contracts'],
    containers: ['raw', 'pkcs7'],
    hashAlgorithms: ['sha256'],
    digest: DIGEST.toString('hex'),
  } as const
  checkGrant(wide, USE)
  const cases: readonly [Grant, string][] = [
    [{ signers: ['invoices'] }, 'signer: this caller may not use it'],
    [{ signers: [] }, 'signer: this caller may not use it'],
    [{ containers: ['pkcs7'] }, 'signature_container: this caller may not ask for this form'],
    [{ hashAlgorithms: ['sha512'] }, 'hash_algorithm: this caller may not use it'],
    [{ digest: '00'.repeat(32) }, 'signing_token: allows the signature of another digest alone'],
  ]
  for (const [restriction, message] of cases) {
    t.throws(() => checkGrant({ ...wide, ...restriction }, USE), refusal(message))
  }
})

t.test('a request for certificates is checked for its signer alone', async (t) => {
  const use: GrantedUse = { signer: 'contracts' }
  checkGrant({ signers: ['contracts'], containers: [], hashAlgorithms: [], digest: '00' }, use)
  t.throws(() => checkGrant({ signers: ['invoices'] }, use), refusal('signer: this caller may not use it'))
})

t.test('addresses are compared as addresses, whatever their spelling', async (t) => {
  const addresses = parseNetworks(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32'])
  if ('wrong' in addresses) {
    throw new Error(addresses.wrong)
  }
  for (const address of [
    '10.1.2.3',
    '::ffff:10.1.2.3',
    '::FFFF:192.0.2.7',
    '2001:DB8:0::1',
    '10.1.2.3:4711',
    '[2001:DB8::1]:4711',
    '[::ffff:10.1.2.3]:1',
  ]) {
    checkAddress({ addresses }, address)
  }
  checkAddress({}, '198.51.100.1')
  for (const address of [
    '11.0.0.1',
    '::ffff:192.0.2.8',
    '2001:db9::1',
    '::10.1.2.3',
    '',
    // The type of Fastify has it not: a client who has broken off
    undefined as unknown as string,
    'unknown',
    '10.1.2',
    '10.1.2.3:',
    '10.1.2.3:x',
    '10.1.2.3:1:2',
    '11.0.0.1:4711',
    '[2001:db8::1',
    '[10.1.2]:4711',
  ]) {
    t.throws(
      () => checkAddress({ addresses }, address),
      refusal('This caller may not call from this address'),
      `${address}`,
    )
  }
})

t.test('what is no network is named', async (t) => {
  for (const wrong of [
    '10.0.0.0/33',
    '0.0.0.0/0',
    '::/0',
    '::/129',
    'localhost',
    '10.0.0',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '::ffff:10.0.0.1',
  ]) {
    t.strictSame(parseNetworks(['10.0.0.1', wrong]), { wrong })
  }
})
