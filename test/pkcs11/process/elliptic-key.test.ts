import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CURVE_NAMES } from '../../../src/algorithms/elliptic-curves.ts'
import { DerReader } from '../../../src/asn1/der-reader.ts'
import {
  curveParameters,
  describeCurve,
  encodeEllipticKey,
} from '../../../src/pkcs11/process/elliptic-key.ts'
import { openssl } from '../../support/certificates.ts'
import { elementsOf } from '../../support/resigned.ts'

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
    const bits = point.length < 127 ? [3, point.length + 1, 0] : [3, 0x81, point.length + 1, 0]
    t.same(encodeEllipticKey(parameters, Buffer.concat([Buffer.from(bits), point])), spki, 'in a BIT STRING')
    const form = 2 + ((point.at(-1) as number) & 1)
    const compressed = Buffer.concat([Buffer.of(form), Buffer.from(x, 'base64url')])
    t.same(encodeEllipticKey(parameters, compressed), spki, 'compressed')
    const octets = Buffer.concat([Buffer.of(4, compressed.length), compressed])
    t.same(encodeEllipticKey(parameters, octets), spki, 'compressed, in an OCTET STRING')
  }
})

t.test('what is no point of a known curve is no key', async (t) => {
  const parameters = curveParameters('P-256')
  t.equal(encodeEllipticKey(Buffer.from('06052b8104000a', 'hex'), Buffer.alloc(65, 4)), undefined)
  t.equal(encodeEllipticKey(parameters, Buffer.alloc(33, 4)), undefined)
  t.equal(encodeEllipticKey(parameters, Buffer.alloc(0)), undefined)
  t.equal(encodeEllipticKey(parameters, Buffer.alloc(65, 4)), undefined, 'as it is not on the curve')
  for (const point of ['00', '040100', '03020000']) {
    t.equal(encodeEllipticKey(parameters, Buffer.from(point, 'hex')), undefined, `infinity: ${point}`)
  }
  t.same(curveParameters('P-1'), Buffer.alloc(0))
  t.equal(
    describeCurve(Buffer.from('06052b8104000a', 'hex')),
    '06052b8104000a',
    'whose name is not known here',
  )
})

t.test('a curve that is spelled out is the one that it is', async (t) => {
  const file = join(t.testdir(), 'key.pem')
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-param_enc', 'explicit', '-out', file)
  const publicKey = createPublicKey(readFileSync(file))
  const [algorithm = Buffer.alloc(0), bits] = elementsOf(publicKey.export({ type: 'spki', format: 'der' }))
  const [, parameters = Buffer.alloc(0)] = elementsOf(algorithm)
  const point = new DerReader(bits as Buffer).bits()
  t.equal(describeCurve(parameters), 'explicit parameters')
  const key = createPublicKey({ key: publicKey.export({ format: 'jwk' }), format: 'jwk' })
  t.same(encodeEllipticKey(parameters, point), key.export({ type: 'spki', format: 'der' }))
})
