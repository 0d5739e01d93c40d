import t from 'tap'
import { KnownChain } from '../../src/timestamp/known-chain.ts'
import { issue } from '../support/certificates.ts'

const directory = t.testdir()
const DAY_MS = 86_400_000
const now = Date.now()
const root = issue(directory, { subject: '/CN=Root', ca: true, notAfter: new Date(now + DAY_MS) }).certificate
const leaf = issue(directory, { subject: '/CN=Leaf', notBefore: new Date(now - 2_000) }).certificate

t.test('the same certificates are known while all of their path are valid', async (t) => {
  const known = new KnownChain()
  t.notOk(known.find([leaf], new Date()))
  t.notOk(known.find([], new Date()))
  known.keep([leaf], [leaf, root])
  t.ok(known.find([leaf], new Date()))
  t.notOk(known.find([leaf, root], new Date()))
  t.notOk(known.find([root], new Date()))
  t.notOk(known.find([], new Date()))
  t.ok(known.find([leaf], new Date(root.validTo)))
  t.notOk(known.find([leaf], new Date(now + DAY_MS + 1_000)), 'the root has expired')
  t.ok(known.find([leaf], new Date(leaf.validFrom)))
  t.notOk(known.find([leaf], new Date(now - 4_000)), 'the leaf is not valid yet')
  t.notOk(known.find([leaf], new Date(Number.NaN)))
})

t.test('what was kept last is known', async (t) => {
  const known = new KnownChain()
  known.keep([leaf], [leaf, root])
  known.keep([root], [root])
  t.notOk(known.find([leaf], new Date()))
  t.ok(known.find([root], new Date()))
})
