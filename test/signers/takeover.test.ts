/** How new signers are tested, where the token has no time for it, or does not. */
import t from 'tap'
import { VARIABLE_SETTINGS } from '../../src/configuration/read-signer.ts'
import { HSM_BUSY, HSM_UNAVAILABLE, SIGNATURE_SELF_CHECK_FAILED } from '../../src/errors.ts'
import type { HsmState } from '../../src/pkcs11/pool/supervisor.ts'
import type { SignerSet } from '../../src/signers/signer-set.ts'
import { refuseNewlyInvalid, testSigners } from '../../src/signers/takeover.ts'
import { DEFAULT_CONTAINER } from '../support/container-configuration.ts'

/** A set of one signer, whose test signatures end like this, one after another. */
function setOf(...outcomes: (Error | undefined)[]): SignerSet {
  return setIn('ready', ...outcomes)
}

function setIn(state: HsmState, ...outcomes: (Error | undefined)[]): SignerSet {
  const key = {
    name: 'contracts',
    configuration: { settings: VARIABLE_SETTINGS },
    container: DEFAULT_CONTAINER,
    knownCertificate: () => ({ path: [{ raw: Buffer.from('a certificate') }] }),
    validCertificate() {},
    status: () => ({ state }),
    missingTimestamps: () => undefined,
    missingEvidence: () => [],
    async test() {
      const outcome = outcomes.shift()
      if (outcome !== undefined) {
        throw outcome
      }
    },
  }
  return { ownPools: [], signers: new Map([['contracts', key]]) } as unknown as SignerSet
}

const NOTHING = { signers: new Map() } as unknown as SignerSet
const PINS = { isUnjudged: () => false }
const { signal } = new AbortController()

t.test('a token that is busy is asked again', async (t) => {
  await t.resolves(testSigners(setOf(new HSM_BUSY(), new HSM_BUSY()), NOTHING, [], PINS, signal))
})

t.test('one that does not sign keeps the signers from being taken over', async (t) => {
  await t.rejects(testSigners(setOf(new HSM_UNAVAILABLE()), NOTHING, [], PINS, signal), {
    name: 'ConfigurationError',
    problems: [
      {
        variable: 'HSM_KEY_LABEL',
        message: /^no test signature could be made: The HSM cannot sign at the moment/,
        isTemporary: true,
      },
    ],
  })
})

t.test('one that never will sign, or is told no PIN before SIGHUP, is not waited for', async (t) => {
  for (const set of [setOf(new SIGNATURE_SELF_CHECK_FAILED()), setIn('pin refused', new HSM_UNAVAILABLE())]) {
    await t.rejects(testSigners(set, NOTHING, [], PINS, signal), {
      name: 'ConfigurationError',
      problems: [{ isTemporary: false }],
    })
  }
})

t.test('nothing is said of a certificate on a token that is not open yet', async (t) => {
  const key = { name: 'contracts', knownCertificate: () => undefined }
  const next = { signers: new Map([['contracts', key]]) } as unknown as SignerSet
  const known = setOf()
  t.doesNotThrow(() => refuseNewlyInvalid(next, known))
})
