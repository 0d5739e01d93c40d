import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import {
  curveParameters,
  describeCurve,
  encodeEllipticKey,
} from '../../../src/pkcs11/process/elliptic-key.ts'
import { CURVE_NAMES } from '../../../src/signature/elliptic-curves.ts'

t.test('points become the keys that OpenSSL made them from', async (t) => {
  for (const namedCurve of CURVE_NAMES) {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve })
    const spki = publicKey.export({ type: 'spki', format: 'der' })
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
    const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
    const parameters = curveParameters(namedCurve)
    t.equal(describeCurve(parameters), namedCurve)
    t.same(encodeEllipticKey(parameters, point), spki, 'as some tokens give it')
    const header = point.length < 128 ? [4, point.length] : [4, 0x81, point.length]
    t.same(
      encodeEllipticKey(parameters, Buffer.concat([Buffer.from(header), point])),
      spki,
      'in an OCTET STRING',
    )
  }
})

t.test('what is no point of a known curve is no key', async (t) => {
  const parameters = curveParameters('P-256')
  t.equal(encodeEllipticKey(Buffer.from('06052b8104000a', 'hex'), Buffer.alloc(65, 4)), undefined)
  t.equal(encodeEllipticKey(parameters, Buffer.alloc(33, 2)), undefined)
  t.equal(encodeEllipticKey(parameters, Buffer.alloc(33, 4)), undefined)
  t.equal(encodeEllipticKey(parameters, Buffer.alloc(65, 4)), undefined, 'as it is not on the curve')
  t.same(curveParameters('P-1'), Buffer.alloc(0))
})
