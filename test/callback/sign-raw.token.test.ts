import { execFileSync } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import t from 'tap'
import { HASH_ALGORITHMS } from '../../src/algorithms/hash-algorithms.ts'
import { startReadyService } from '../support/service.ts'
import { createSignersFolder, tokenFor } from '../support/signers.ts'

t.test('a raw signature is byte for byte what openssl makes with the same key', async (t) => {
  const folder = await createSignersFolder(t.testdir())
  const lengths = { rsa: 256, 'rsa-3072': 384, 'rsa-4096': 512 } as const
  const names = Object.keys(lengths) as (keyof typeof lengths)[]
  const keyFiles = new Map<string, string>()
  for (const name of names) {
    keyFiles.set(name, (await folder.addKey(name, name)).keyFile)
  }
  folder.write(names)
  const service = await startReadyService(t, {
    ...folder.environment,
    HASH_ALGORITHMS: 'sha160,sha224,sha256,sha384,sha512',
  })

  for (const name of names) {
    for (const hash of HASH_ALGORITHMS) {
      t.test(`${name}, ${hash.name}`, async (t) => {
        const contents = ['the signed attributes', ...[1, 2, 3, 4].map(() => randomBytes(randomInt(1, 2000)))]
        for (const data of contents.map((content) => Buffer.from(content))) {
          const answer = await service.sign({
            action: 'sign',
            data_to_be_signed: data.toString('base64'),
            hash_algorithm: hash.name,
            signature_type: 'cades',
            signing_token: tokenFor(name),
          })
          t.equal(answer.statusCode, 200)
          t.equal(answer.headers['content-type'], 'application/octet-stream')
          t.equal(answer.body.length, lengths[name])
          const args = ['dgst', `-${hash.nodeName}`, '-sign', `${keyFiles.get(name)}`]
          t.same(answer.body, execFileSync('openssl', args, { input: data }))
        }
      })
    }
  }
})
