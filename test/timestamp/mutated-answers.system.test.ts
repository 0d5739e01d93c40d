import { createHash, randomInt } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { KnownChains } from '../../src/timestamp/authority-chains.ts'
import { TimestampError } from '../../src/timestamp/timestamp-error.ts'
import { createNonce, encodeTimestampRequest } from '../../src/timestamp/timestamp-request.ts'
import { verifyResponse } from '../../src/timestamp/verify-response.ts'
import { issue, RSA_2048 } from '../support/certificates.ts'
import { PROPERTY_RUNS } from '../support/property-runs.ts'
import { createIssuers, createResponder, FOR_TIMESTAMPS, verifies } from '../support/timestamp-authority.ts'

const directory = t.testdir()
const { root, issuing } = createIssuers(directory)
const data = Buffer.from('the value of a signature')
const asked = {
  hashAlgorithm: findHashAlgorithm('sha256') as HashAlgorithm,
  digest: createHash('sha256').update(data).digest(),
  nonce: createNonce(),
}
/** As in the service, where the same authority has answered before. */
const known = new KnownChains()
const query = encodeTimestampRequest(asked)
const answers = await Promise.all(
  [{}, { key: RSA_2048 }].map((key) => {
    const subject = '/CN=Timestamp authority'
    const signer = issue(directory, { subject, issuer: issuing, extensions: FOR_TIMESTAMPS, ...key })
    return createResponder(directory, { signer, chain: [issuing] })(query)
  }),
)

/** However slow the machine, it ends; what it has not tried by then, another run will. */
const BOUNDED = { interruptAfterTimeLimit: 10_000, markInterruptAsFailure: false, endOnFailure: true }

/** Undefined where it is refused, as it has to be, unless OpenSSL verifies the token: then that. */
function acceptOrRefuse(answer: Buffer): Buffer | undefined {
  try {
    const expected = { asked, trustAnchors: [root.certificate], clockToleranceMs: 300_000, known }
    return verifyResponse(answer, expected).token
  } catch (error) {
    if (error instanceof TimestampError) {
      return undefined
    }
    throw error
  }
}

const mutation = fc.oneof(
  fc.record({ kind: fc.constant('flip'), at: fc.nat(), value: fc.nat(7) }),
  fc.record({ kind: fc.constant('set'), at: fc.nat(), value: fc.nat(255) }),
  fc.record({ kind: fc.constant('cut'), at: fc.nat(), value: fc.nat(40) }),
  fc.record({ kind: fc.constant('repeat'), at: fc.nat(), value: fc.nat(40) }),
)

function mutate(answer: Buffer, changes: readonly { kind: string; at: number; value: number }[]): Buffer {
  let bytes = Buffer.from(answer)
  for (const { kind, at: anywhere, value } of changes) {
    const at = anywhere % bytes.length
    if (kind === 'flip') {
      bytes[at] = Number(bytes[at]) ^ (1 << value)
    } else if (kind === 'set') {
      bytes[at] = value
    } else if (kind === 'cut') {
      bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + value)])
    } else {
      bytes = Buffer.concat([bytes.subarray(0, at + value), bytes.subarray(at)])
    }
  }
  return bytes
}

t.test('a bit of each byte of an answer, turned over', async (t) => {
  const [answer = Buffer.alloc(0)] = answers
  const accepted = new Map<string, number>()
  const first = randomInt(8)
  for (let bit = first; bit < answer.length * 8; bit += 9) {
    const token = acceptOrRefuse(mutate(answer, [{ kind: 'flip', at: bit >> 3, value: bit & 7 }]))
    if (token !== undefined) {
      accepted.set(token.toString('base64'), bit)
    }
  }
  // Which bits are turned over is left to chance: it may be that all of them are signed
  t.ok(accepted.size < answer.length / 10, 'nearly everything is signed')
  for (const [token, bit] of accepted) {
    t.ok(verifies(directory, Buffer.from(token, 'base64'), data, root), `bit ${bit & 7} of byte ${bit >> 3}`)
  }
})

t.test('several changes', async (t) => {
  const seen = new Map<string, boolean>()
  const verifiesOnce = (token: Buffer) => {
    const key = token.toString('base64')
    const right = seen.get(key) ?? verifies(directory, token, data, root)
    seen.set(key, right)
    return right
  }
  const tokens = fc.property(
    fc.constantFrom(...answers),
    fc.array(mutation, { minLength: 1, maxLength: 4 }),
    (answer, changes) => {
      const token = acceptOrRefuse(mutate(answer, changes))
      return token === undefined || verifiesOnce(token)
    },
  )
  t.doesNotThrow(() => fc.assert(tokens, { ...BOUNDED, numRuns: PROPERTY_RUNS }))
})
