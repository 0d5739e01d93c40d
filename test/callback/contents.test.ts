import t from 'tap'
import { HASH_ALGORITHMS, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { Base64Digests } from '../../src/callback/body/base64-digests.ts'
import { decodeContents } from '../../src/callback/contents.ts'

t.test('contents that arrived before their algorithm was allowed have to be sent again', async (t) => {
  const hashed = new Base64Digests([])
  hashed.write('QUJD')
  hashed.end()
  const contents = decodeContents({ field: 'encoded_contents', text: 'QUJD', hashed })
  const [, , sha256] = HASH_ALGORITHMS as [HashAlgorithm, HashAlgorithm, HashAlgorithm]
  t.throws(() => contents.digest(sha256), {
    code: 'INVALID_REQUEST',
    message: 'encoded_contents: arrived before this signer allowed sha256; send the request again',
  })
})
