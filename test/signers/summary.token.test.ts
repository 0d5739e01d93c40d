/** The configuration in short, as the first line of the log has it. */
import t from 'tap'
import { EUROPEAN_NAMES } from '../../src/configuration/european-names.ts'
import { loadConfiguration } from '../../src/configuration/load.ts'
import { summarize } from '../../src/signers/summary.ts'
import { createSignersFolder } from '../support/signers.ts'

t.test('signers with their levels, each token once, and no secret', async (t) => {
  const folder = await createSignersFolder(t.testdir())
  for (const name of ['house', 'contracts', 'far']) {
    await folder.addKey(name)
  }
  folder.put('other-pin', 'a-secret-pin')
  folder.write({
    house: folder.entry('house'),
    contracts: folder.entry('contracts', { hashAlgorithms: ['sha512', 'sha224'] }),
    far: folder.entry('far', { token: { label: 'far', pinFile: 'other-pin' } }),
  })
  const { HSM_MODULE: module } = folder.environment
  const configuration = loadConfiguration({ ...folder.environment, SIGNING_SERVICE_HOST: '127.0.0.1' })
  t.strictSame(summarize(configuration), {
    host: '127.0.0.1',
    port: 6000,
    tls: 'off',
    signers: { house: 'b-b', contracts: 'b-b', far: 'b-b' },
    levels: { 'b-b': EUROPEAN_NAMES['b-b'] },
    defaultSigner: 'house',
    tokens: [
      {
        token: 'test',
        signers: ['house', 'contracts'],
        pinFile: folder.environment.HSM_PIN_FILE,
        module,
      },
      { token: 'far', signers: ['far'], pinFile: folder.path('other-pin'), module },
    ],
    sessions: 2,
    hashAlgorithms: ['sha256', 'sha384', 'sha512', 'sha224'],
  })

  const tls = { context: {}, validity: [], files: [] } as never
  t.equal(summarize({ ...configuration, tls }).tls, 'on')
  const clients = { ...(tls as object), clients: { authorities: [], names: [] } } as never
  t.equal(summarize({ ...configuration, tls: clients }).tls, 'mutual')
})
