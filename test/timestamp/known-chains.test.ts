import t from 'tap'
import { KnownChains } from '../../src/timestamp/authority-chains.ts'
import { issue } from '../support/certificates.ts'

const directory = t.testdir()
const DAY_MS = 86_400_000
const now = Date.now()
const root = issue(directory, { subject: '/CN=Root', ca: true, notAfter: new Date(now + DAY_MS) }).certificate
const leaf = issue(directory, { subject: '/CN=Leaf', notBefore: new Date(now - 2_000) }).certificate

t.test('the same certificates are known while all of their path are valid', async (t) => {
  const known = new KnownChains()
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
})

t.test('units that take turns are known together, the last 32 of them', async (t) => {
  const known = new KnownChains()
  known.keep([leaf], [leaf, root])
  known.keep([root], [root])
  t.ok(known.find([leaf], new Date()))
  t.ok(known.find([root], new Date()))
  t.strictSame(known.paths, [[root], [leaf, root]])
  const others = Array.from({ length: 31 }, (_, count) => Array(count + 2).fill(root))
  for (const sent of others) {
    known.keep(sent, sent)
  }
  t.equal(known.paths.length, 32)
  t.notOk(known.find([leaf], new Date()))
  t.ok(known.find([root], new Date()))
})

t.test('certificates that are sent again are known once, and none that have ended', async (t) => {
  const known = new KnownChains()
  const ended = issue(directory, {
    subject: '/CN=Ended',
    notBefore: new Date(now - 3 * DAY_MS),
    notAfter: new Date(now - DAY_MS),
  }).certificate
  known.keep([ended], [ended])
  known.keep([leaf], [leaf, root])
  known.keep([leaf], [leaf, root])
  t.strictSame(known.paths, [[leaf, root]])
})

t.test(
  'another path of the same certificates is known beside the first, which may lead through one that was revoked',
  async (t) => {
    const known = new KnownChains()
    known.keep([leaf], [leaf, root])
    t.notOk(known.find([leaf], new Date(), [root]))
    known.keep([leaf], [leaf])
    t.strictSame(known.find([leaf], new Date(), [root]), [leaf])
    t.strictSame(known.paths, [[leaf], [leaf, root]])
  },
)

t.test('a path is the same one, whatever came with it and in whatever order', async (t) => {
  const known = new KnownChains()
  const path = known.keep([leaf, root], [leaf, root])
  for (const sent of [[leaf], [leaf, root, root], [leaf, leaf, root]]) {
    t.equal(known.keep(sent, [leaf, root]), path)
    t.equal(known.find(sent, new Date()), path)
  }
  t.not(known.keep([leaf, root], [leaf]), path, 'another one is not')
  t.equal(known.paths.length, 2)
})

t.test('what else comes with a path has no other one forgotten', async (t) => {
  const known = new KnownChains()
  known.keep([root], [root])
  const path = known.keep([leaf, root], [leaf, root])
  for (let count = 0; count < 40; count++) {
    known.keep([leaf, ...Array(count + 2).fill(root)], [leaf, root])
  }
  t.strictSame(known.paths, [path, [root]])
  t.equal(known.find([leaf, ...Array(41).fill(root)], new Date()), path)
  t.notOk(known.find([leaf, root, root], new Date()))
})
