import t from 'tap'
import { contextsFor, withContextName } from '../../src/common/tls-contexts.ts'
import { issue } from '../support/certificates.ts'

t.test('contexts are made once for each object, and others may not see the own certificate', async (t) => {
  const { certificate } = issue(t.testdir(), { subject: '/CN=Root', ca: true })
  const material = { ca: [`${certificate}`] }
  const contexts = contextsFor(material)
  t.equal(contextsFor(material), contexts)
  const again = contextsFor({ ...material })
  const all = [contexts.own, contexts.others, again.own, again.others, undefined]
  t.equal(new Set(all.map((options) => withContextName('host:443', options))).size, 5)
})

t.test('what OpenSSL refuses is not kept', async (t) => {
  const material = { cert: 'nothing' }
  t.throws(() => contextsFor(material), { code: /^ERR_OSSL_/ })
  t.throws(() => contextsFor(material), { code: /^ERR_OSSL_/ })
})
