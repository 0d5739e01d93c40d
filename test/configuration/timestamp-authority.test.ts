import t from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { nameAuthorities } from '../../src/configuration/timestamp-authority.ts'

const hashAlgorithm = findHashAlgorithm('sha256') as HashAlgorithm

t.test('authorities are called by their hosts, without anything that could be a secret', async (t) => {
  const named = (...urls: string[]) =>
    nameAuthorities(urls.map((url) => ({ url: new URL(url), hashAlgorithm, trustAnchors: [] })))
  t.strictSame(named('https://tsa.example/tsa/key?token=a', 'http://other.example:8080/'), [
    'tsa.example',
    'other.example:8080',
  ])
  t.strictSame(named('https://a.example/1', 'https://b.example', 'https://a.example/2'), [
    'a.example (1)',
    'b.example',
    'a.example (2)',
  ])
})
