import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as asn1js from 'asn1js'
import t from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { TimestampError } from '../../src/timestamp/timestamp-error.ts'
import { createNonce, encodeTimestampRequest } from '../../src/timestamp/timestamp-request.ts'
import { encodeTimestampResponse } from '../../src/timestamp/timestamp-response.ts'
import { readTimestampResponse } from '../../src/timestamp/verify-response.ts'
import { issue, openssl } from '../support/certificates.ts'
import { createResponder, FOR_TIMESTAMPS } from '../support/timestamp-authority.ts'
import { withTemporaryFiles } from '../support/validators/temporary-files.ts'

const directory = t.testdir()
const signer = issue(directory, { subject: '/CN=Timestamp authority', extensions: FOR_TIMESTAMPS })
const sha512 = findHashAlgorithm('sha512') as HashAlgorithm
const digest = createHash('sha512').update('data').digest()

function read(response: Buffer): TimestampError | Buffer {
  try {
    return readTimestampResponse(response)
  } catch (error) {
    t.ok(error instanceof TimestampError)
    return error as TimestampError
  }
}

/** `PKIStatusInfo ::= SEQUENCE { status INTEGER, statusString OPTIONAL, failInfo BIT STRING OPTIONAL }`. */
function reject(status: number, texts: readonly string[] = [], ...bits: number[]): Buffer {
  const failInfo = Buffer.alloc(4)
  for (const bit of bits) {
    failInfo.writeUInt8(failInfo.readUInt8(bit >> 3) | (0x80 >> (bit & 7)), bit >> 3)
  }
  const strings = new asn1js.Sequence({ value: texts.map((value) => new asn1js.Utf8String({ value })) })
  const value: asn1js.AsnType[] = [new asn1js.Integer({ value: status })]
  value.push(...(texts.length > 0 ? [strings] : []))
  value.push(...(bits.length > 0 ? [new asn1js.BitString({ valueHex: failInfo })] : []))
  return Buffer.from(new asn1js.Sequence({ value: [new asn1js.Sequence({ value })] }).toBER())
}

t.test('a rejection of OpenSSL, with what to do and its own words', async (t) => {
  const respond = createResponder(directory, { signer, chain: [], settings: { digests: 'sha256' } })
  const query = encodeTimestampRequest({ hashAlgorithm: sha512, digest, nonce: createNonce() })
  t.match(read(await respond(query)), {
    outcome: 'rejected',
    message: 'rejected the request (rejection): it does not take this hash algorithm; choose another',
    statusText: 'Message digest algorithm is not supported.',
  })
  t.match(read(await respond(Buffer.from('garbage'))), {
    message: 'rejected the request (rejection): it takes the request to be in a wrong format',
  })
})

t.test('every status and reason', async (t) => {
  for (const [bit, text] of [
    [2, 'it does not allow or support the request; ask it what its customers may do'],
    [14, 'its clock is not available; try again later'],
    [16, 'it does not support an extension, though none is asked for'],
    [17, 'what is asked for beside the timestamp is not known or not available'],
    [25, 'it has failed by itself; try again later'],
  ] as const) {
    t.match(read(reject(2, [], bit)), {
      message: `rejected the request (rejection): ${text}`,
      statusText: undefined,
    })
  }
  for (const [status, name] of [
    [2, 'rejection'],
    [3, 'waiting'],
    [4, 'revocation warning'],
    [5, 'revocation notification'],
  ] as const) {
    t.match(read(reject(status)), { outcome: 'rejected', message: `rejected the request (${name})` })
  }
  t.match(read(reject(2, [], 14, 25)), { message: /its clock is not available.*: it has failed by itself/ })
  t.throws(() => readTimestampResponse(reject(6)))
})

t.test('its words steer no terminal and fill no log', async (t) => {
  t.match(read(reject(2, ['one', 'two\u001b[31m\n\u2028'])), { statusText: 'one two [31m  ' })
  t.equal((read(reject(2, ['x'.repeat(5_000)])) as TimestampError).statusText?.length, 200)
})

t.test('granted without a token', async (t) => {
  t.match(read(reject(0)), { outcome: 'malformed' })
  t.match(read(reject(1)), { outcome: 'malformed' })
})

t.test('a token that is granted anew is one to OpenSSL', async (t) => {
  const respond = createResponder(directory, { signer, chain: [] })
  const query = encodeTimestampRequest({ hashAlgorithm: sha512, digest, nonce: createNonce() })
  const reply = await respond(query)
  const token = readTimestampResponse(reply) as Buffer
  const granted = encodeTimestampResponse(token)
  await withTemporaryFiles({ granted, query, token: '' }, async (path) => {
    const text = openssl('ts', '-reply', '-in', path.granted, '-text')
    t.match(text, /Status: Granted\.\nStatus description: unspecified\nFailure info: unspecified\n/)
    openssl('ts', '-reply', '-in', path.granted, '-token_out', '-out', path.token)
    t.same(readFileSync(path.token), token)
    const anchor = ['-CAfile', signer.certificateFile, '-partial_chain']
    t.match(openssl('ts', '-verify', '-in', path.granted, '-queryfile', path.query, ...anchor), /: OK/)
  })
  t.same(readTimestampResponse(granted), token)
})
