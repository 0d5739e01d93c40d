/** Describes private key objects whose attributes are not those that PKCS#11 demands. */
import type { Session } from 'graphene-pk11'
import pkcs11js, { type Template } from 'pkcs11js'
import t from 'tap'
import { describeKey } from '../../../src/pkcs11/administration/keys.ts'

/** A session whose objects have this CKA_KEY_TYPE, and show nothing else. */
function sessionWith(keyType: string): Session {
  return {
    handle: Buffer.alloc(8),
    lib: {
      C_GetAttributeValue(_session: Buffer, _object: Buffer, [attribute]: Template) {
        if (attribute?.type !== pkcs11js.CKA_KEY_TYPE) {
          throw Object.assign(new Error('CKR_ATTRIBUTE_TYPE_INVALID'), { code: 0x12 })
        }
        return [{ type: pkcs11js.CKA_KEY_TYPE, value: Buffer.from(keyType, 'hex') }]
      },
    },
  } as unknown as Session
}

t.test('a type that is shown as an empty one is not known, and no reason to fail', async (t) => {
  for (const [bytes, type] of [
    ['', null],
    ['03000000', 'EC'],
    ['0000000000000000', 'RSA'],
    ['1f00000000000000', '0x1f'],
  ] as const) {
    t.equal(describeKey(sessionWith(bytes), Buffer.alloc(8)).type, type, bytes)
  }
})
