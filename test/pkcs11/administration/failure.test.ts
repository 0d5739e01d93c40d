import t from 'tap'
import { explain, RefusedError } from '../../../src/pkcs11/administration/failure.ts'

t.test('a refusal is told in its own words', async (t) => {
  t.same(explain(new RefusedError('there is a key already')), { message: 'there is a key already' })
})

t.test('a defect is not taken for an answer of the library', async (t) => {
  const defect = new TypeError('Argument 0 has wrong type')
  t.throws(() => explain(defect), defect)
})
