/** Names in a body that are nearly one that is known, and those that only look like it. */
import t from 'tap'
import { CallbackBody } from '../../schemas/callback.ts'
import { KnownNames } from '../../src/requests/misspelled-name.ts'
import { send } from '../support/http.ts'
import { checkRefusal } from '../support/refusal.ts'
import { startReadyService } from '../support/service.ts'
import { rawRequest } from '../support/signing.ts'
import { createSigningToken } from '../support/token.ts'

const known = new KnownNames(Object.keys(CallbackBody.properties))
const { environment } = await createSigningToken(t.testdir())
const service = await startReadyService(t, environment)

const MISSPELLED: Readonly<Record<string, readonly string[]>> = {
  action: ['acton', 'actions', 'Action', 'ACTION'],
  digest: ['digst', 'Digest', 'di_gest'],
  encoded_contents: ['encoded_content', 'encoded-contents', 'encodedcontents', 'encoded contents'],
  data_to_be_signed: ['dataToBeSigned', 'data_to_be_singed', 'data_to_besigned', 'Data_To_Be_Signed'],
  hash_algorithm: ['hash_algoritm', 'hashAlgorithm', 'HASH_ALGORITHM', 'hash-algorithm', 'hash.algoritmh'],
  signature_type: ['signatureType', 'signature_tpye', 'SignatureType', 'signatur_type'],
  signature_container: ['signature_contaner', 'signature-container'],
  signatureContainer: ['SignatureContainer', 'signatureContaine'],
  signing_token: ['signingToken', 'signing_tokn', 'singning_token', 'SigningToken'],
  encodedContents: ['EncodedContents', 'encodedContens'],
  hash: ['Hash', 'HASH', 'hash_'],
}

t.test('a name that is nearly a known one is refused, with the one that was probably meant', async (t) => {
  t.same(Object.keys(MISSPELLED).sort(), Object.keys(CallbackBody.properties).sort())
  for (const [meant, names] of Object.entries(MISSPELLED)) {
    for (const name of names) {
      t.throws(() => known.refuseMisspelled({ [name]: 'value' }), {
        code: 'INVALID_REQUEST',
        message: `${name}: is not known; ${meant} was probably meant`,
      })
    }
  }
  const answer = await service.sign({ ...rawRequest('text'), hash_algoritm: 'sha512' })
  checkRefusal(t, answer, {
    statusCode: 400,
    code: 'INVALID_REQUEST',
    message: 'hash_algoritm: is not known; hash_algorithm was probably meant',
  })
})

t.test('a name is quoted as in JSON, since it may hold line ends and what cannot be seen', async (t) => {
  t.throws(() => known.refuseMisspelled({ 'hash_algorithm\u{202e}': 'sha512' }), {
    message: 'hash_algorithm\\u{202e}: is not known; hash_algorithm was probably meant',
  })
  t.throws(() => known.refuseMisspelled({ 'hash\nalgorithm': 'sha512' }), {
    message: 'hash\\nalgorithm: is not known; hash_algorithm was probably meant',
  })
})

t.test('other names pass, as newer Document Engines may send them', async (t) => {
  const names = [
    // Those of the vendor's other requests
    ...['fileContents', 'cadesLevel', 'estimatedSize'],
    ...['certificates', 'jwt', 'serverUrl', 'appearance', 'position', 'signatureMetadata', 'document_id'],
    // Near to nothing
    ...['version', 'hashes', 'token', 'signer', 'contents', 'type', 'container', '', 'constructor', '__v'],
    // Too long for a misspelled one, though its letters are those of a known one
    `hash${'_'.repeat(40)}algorithm`,
  ]
  const others = Object.fromEntries(names.map((name) => [name, 'value']))
  t.doesNotThrow(() => known.refuseMisspelled(others))
  t.equal((await service.sign({ ...rawRequest('text'), ...others })).statusCode, 200)
})

t.test('typing errors are looked for in the first of thousands of unknown names', async (t) => {
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, number) => [`hash_elgor${number}`, 1]))
  t.doesNotThrow(() => known.refuseMisspelled({ ...many, hash_algoritm: 'sha512' }))
  t.throws(() => known.refuseMisspelled({ ...many, hashAlgorithm: 'sha512' }), { code: 'INVALID_REQUEST' })
  t.doesNotThrow(() => known.refuseMisspelled({ hashAlgorithm: null }), 'null counts as absent')
})

t.test('names of the body are refused in the query, where nobody reads them', async (t) => {
  for (const meant of Object.keys(CallbackBody.properties)) {
    t.throws(() => known.refuseInQuery({ page: '1', [meant]: 'value' }), {
      code: 'INVALID_REQUEST',
      message: `${meant}: stands in the query; send ${meant} in the body`,
    })
  }
  const signAt = (path: string) =>
    send(`${service.url}${path}`, { method: 'POST', body: JSON.stringify(rawRequest('text')) })
  const answer = await signAt('/sign?hashAlgorithm=sha512')
  checkRefusal(t, answer, {
    statusCode: 400,
    code: 'INVALID_REQUEST',
    message: 'hashAlgorithm: stands in the query; send hash_algorithm in the body',
  })
  t.equal((await signAt('/sign?page=1&token=x&signer=house')).statusCode, 200)
})
