import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { identifyToken } from '../../src/pkcs11/pin-version.ts'

t.test('a token is the same one through a link to its library', async (t) => {
  const folder = t.testdir({ 'library.so': '', 'other.so': '' })
  const [library, link, other] = ['library.so', 'link.so', 'other.so'].map((name) => join(folder, name)) as [
    ...[string, string, string],
  ]
  symlinkSync(library, link)
  const token = { label: 'hsm1', serialNumber: 'f41c' }
  t.equal(identifyToken(link, token), identifyToken(library, token))
  const others = [
    identifyToken(other, token),
    identifyToken(library, { ...token, label: 'hsm2' }),
    identifyToken(library, { ...token, serialNumber: 'f41d' }),
    identifyToken('library.so', token),
  ]
  t.equal(new Set([...others, identifyToken(library, token)]).size, 5)
})
