import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { HASH_ALGORITHMS } from '../../src/signature/hash-algorithms.ts'
import { startReadyService } from '../support/service.ts'
import { createImportedKeyToken } from '../support/token.ts'

t.test('a raw signature is byte for byte what openssl makes with the same key', async (t) => {
  const directory = t.testdir()
  const { keyFile, environment } = await createImportedKeyToken(directory)
  const service = await startReadyService(t, {
    ...environment,
    HASH_ALGORITHMS: 'sha160,sha224,sha256,sha384,sha512',
  })
  const data = join(directory, 'data')
  writeFileSync(data, 'the signed attributes')

  for (const { name, nodeName } of HASH_ALGORITHMS) {
    t.test(name, async (t) => {
      const answer = await service.sign({
        action: 'sign',
        data_to_be_signed: readFileSync(data).toString('base64'),
        hash_algorithm: name,
        signature_type: 'cades',
      })
      t.equal(answer.statusCode, 200)
      t.equal(answer.headers['content-type'], 'application/octet-stream')
      const expected = execFileSync('openssl', ['dgst', `-${nodeName}`, '-sign', keyFile, data])
      t.same(answer.body, expected)
    })
  }
})
