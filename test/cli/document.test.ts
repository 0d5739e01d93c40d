import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { readDocument } from '../../src/cli/document.ts'

const SHA_512 = findHashAlgorithm('sha512') as HashAlgorithm
const content = Buffer.from('Signed piece by piece.')
const file = join(t.testdir(), 'document')
writeFileSync(file, content)
const digest = execFileSync('openssl', ['dgst', '-sha512', '-binary', file])

for (const name of [file, '-']) {
  t.test(`the document of ${name === '-' ? name : 'a file'}`, async (t) => {
    const read = (kept: boolean, limit?: number) => {
      const input = Readable.from([content.subarray(0, 7), content.subarray(7)])
      return readDocument({ input }, name, SHA_512, { kept, ...(limit !== undefined && { limit }) })
    }
    t.same(await read(false), { digest }, 'as OpenSSL hashes it')
    t.same(await read(true), { digest, message: content })
    t.same(await read(true, content.length), { digest, message: content }, 'up to the limit')
    const message = `${name === '-' ? 'standard input' : file} cannot be read: it has more than 21 bytes, which is too much`
    await t.rejects(read(true, content.length - 1), { name: 'CommandFailed', message: new RegExp(message) })
    t.same(await read(false, 1), { digest }, 'what is not kept has no limit')
  })
}
