/** What a key signs with, in the terms of PKCS#11. */

import type { Session, Slot } from 'graphene-pk11'
import pkcs11js from 'pkcs11js'
import t from 'tap'
import { HASH_ALGORITHMS } from '../../../src/algorithms/hash-algorithms.ts'
import { keyTypeOf, mayBe, readKeyType } from '../../../src/pkcs11/process/key-attributes.ts'
import {
  checkMechanism,
  describeMechanism,
  encodeMechanism,
  signMechanism,
} from '../../../src/pkcs11/process/mechanism.ts'
import { issue, P_256, RSA_2048 } from '../../support/certificates.ts'

/** A session whose objects have this CKA_KEY_TYPE; undefined where the token does not tell it. */
function sessionWith(keyType: string | undefined): Session {
  return {
    handle: Buffer.alloc(8),
    lib: {
      C_GetAttributeValue() {
        if (keyType === undefined) {
          throw Object.assign(new Error('CKR_ATTRIBUTE_TYPE_INVALID'), { code: 0x12 })
        }
        return [{ type: pkcs11js.CKA_KEY_TYPE, value: Buffer.from(keyType, 'hex') }]
      },
    },
  } as unknown as Session
}

/** A slot whose token answers so when it is asked about a mechanism. */
function slotThat(answer: () => object): Slot {
  return { handle: Buffer.alloc(8), lib: { C_GetMechanismInfo: answer } } as unknown as Slot
}

t.test('the type of a key is read in either byte order, and of either length', async (t) => {
  for (const [bytes, type] of [
    ['0000000000000000', 'RSA'],
    ['00000000', 'RSA'],
    ['0300000000000000', 'EC'],
    ['0000000000000003', 'EC'],
    ['03000000', 'EC'],
    ['1f00000000000000', '0x1f'],
    ['0000008000000000', '0x80000000'],
    ['0100008000000000', '0x80000001'],
    ['', undefined],
    [undefined, undefined],
  ] as const) {
    t.equal(readKeyType(sessionWith(bytes), Buffer.alloc(8)), type, `${bytes}`)
  }
})

t.test('a key whose type the token does not tell may be of any', async (t) => {
  t.equal(mayBe(undefined, 'RSA'), true)
  t.equal(mayBe('EC', 'EC'), true)
  t.equal(mayBe('EC', 'RSA'), false)
  t.equal(mayBe('0x1f', 'RSA'), false)
})

t.test('the type of a certified key', async (t) => {
  const directory = t.testdir()
  for (const [key, type] of [
    [RSA_2048, 'RSA'],
    [['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'], 'RSA'],
    [P_256, 'EC'],
  ] as const) {
    const { publicKey } = issue(directory, { subject: '/CN=Signer', key }).certificate
    t.equal(keyTypeOf(publicKey.export({ type: 'spki', format: 'der' })), type)
  }
})

t.test('the type of the key decides what it signs with, unless something is asked for', async (t) => {
  t.equal(signMechanism('RSA', undefined), 'CKM_RSA_PKCS')
  t.equal(signMechanism('RSA', 'rsassa-pkcs1-v1_5'), 'CKM_RSA_PKCS')
  t.equal(signMechanism('RSA', 'rsassa-pss'), 'CKM_RSA_PKCS_PSS')
  t.equal(signMechanism('EC', undefined), 'CKM_ECDSA')
  t.equal(signMechanism(undefined, undefined), 'CKM_RSA_PKCS')
  t.equal(signMechanism(undefined, 'ecdsa'), 'CKM_ECDSA')
})

t.test('PSS is asked for with the hash, MGF1 of the same and a salt as long as its digests', async (t) => {
  t.strictSame(encodeMechanism({ name: 'CKM_RSA_PKCS' }), { mechanism: pkcs11js.CKM_RSA_PKCS })
  t.strictSame(encodeMechanism({ name: 'CKM_ECDSA' }), { mechanism: pkcs11js.CKM_ECDSA })
  // PKCS#11 2.40 2.1.7 and its header: CKM_SHA..., CKG_MGF1_SHA...
  const numbers = {
    sha160: [0x220, 1],
    sha224: [0x255, 5],
    sha256: [0x250, 2],
    sha384: [0x260, 3],
    sha512: [0x270, 4],
  }
  for (const { name, digestLength } of HASH_ALGORITHMS) {
    const [hashAlg, mgf] = numbers[name]
    for (const saltLength of [digestLength, 0, 100]) {
      t.strictSame(encodeMechanism({ name: 'CKM_RSA_PKCS_PSS', hash: name, saltLength }), {
        mechanism: 0xd,
        parameter: { type: pkcs11js.CK_PARAMS_RSA_PSS, hashAlg, mgf, saltLen: saltLength },
      })
    }
  }
})

t.test(
  'a mechanism that is not there, or does not sign, is no use; a token that fails is another matter',
  async (t) => {
    const info = { flags: pkcs11js.CKF_SIGN | pkcs11js.CKF_VERIFY, minKeySize: 1024, maxKeySize: 4096 }
    const check = (answer: () => object) =>
      checkMechanism({ slot: slotThat(answer) } as unknown as Session, 'CKM_ECDSA')
    t.strictSame(
      describeMechanism(
        slotThat(() => info),
        'CKM_RSA_PKCS',
      ),
      { name: 'CKM_RSA_PKCS', sign: true, minBits: 1024, maxBits: 4096 },
    )
    t.doesNotThrow(() => check(() => info))
    const failure = {
      kind: 'configuration',
      about: 'key',
      message:
        'the token does not offer CKM_ECDSA for signatures; choose another key or token, or have the HSM allow it',
      reason: 'the token does not offer CKM_ECDSA for signatures',
    }
    const fails = (name: string) => () => {
      throw Object.assign(new Error(name), { method: 'C_GetMechanismInfo', code: 1 })
    }
    for (const answer of [() => ({ ...info, flags: pkcs11js.CKF_VERIFY }), fails('CKR_MECHANISM_INVALID')]) {
      const wanted = { name: 'OpenError', message: 'configuration', failure }
      t.throws(() => check(answer), wanted)
    }
    t.throws(() => check(fails('CKR_DEVICE_ERROR')), { message: 'CKR_DEVICE_ERROR' })
  },
)
