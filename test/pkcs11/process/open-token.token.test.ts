/** Which token, key and certificate are chosen, and what is said when that cannot be told. */
import { createHash, createPublicKey, X509Certificate } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SessionFlag } from 'graphene-pk11'
import pkcs11js, { type Handle, type Template } from 'pkcs11js'
import t from 'tap'
import { TAG } from '../../../src/asn1/tag.ts'
import type { KeySelector, TokenAccess } from '../../../src/configuration/signer-configuration.ts'
import { type FoundKey, isFound, type KeyOutcome } from '../../../src/pkcs11/messages.ts'
import type { ToldPin } from '../../../src/pkcs11/pin-version.ts'
import { findById, readId, readPublicKey } from '../../../src/pkcs11/process/attributes.ts'
import { keyTypeOf } from '../../../src/pkcs11/process/key-attributes.ts'
import { initializeLibrary, loadLibrary } from '../../../src/pkcs11/process/library.ts'
import { OpenError } from '../../../src/pkcs11/process/open-error.ts'
import { type OpenToken, openToken } from '../../../src/pkcs11/process/open-token.ts'
import { findSelectedKey, selectPrivateKey } from '../../../src/pkcs11/process/private-key.ts'
import { selectToken } from '../../../src/pkcs11/process/token.ts'
import type { TokenSession } from '../../../src/pkcs11/process/user-session.ts'
import { generateKeyFile, issue, P_256 } from '../../support/certificates.ts'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import {
  createToken,
  deletePublicKey,
  generateKey,
  importKey,
  issueCertificates,
  PIN,
} from '../../support/token.ts'

const directory = t.testdir()
const token = await createToken(join(directory, 'token'))
const module = await createFaultyModule(directory, token.environment)
const key = await generateKey(token, { label: 'signer', id: '01' })
const certificates = await issueCertificates(join(directory, 'certificates'), key)
const wanted = der(key)

const access: TokenAccess = {
  module: module.environment.HSM_MODULE ?? '',
  pin: { file: token.environment.HSM_PIN_FILE ?? '' },
  token: { label: 'test' },
}

/** What is configured otherwise. */
type Change = Partial<TokenAccess> & { readonly key?: KeySelector }

function der(pemFile: string): Buffer {
  return createPublicKey(readFileSync(pemFile)).export({ type: 'spki', format: 'der' })
}

/**
 * Opens, hands what was opened to `use`, and closes.
 *
 * @param publicKey of the signer certificate; null when that is to be found on the token
 */
async function open<T>(
  { key: selector = {}, ...change }: Change,
  publicKey: Uint8Array | null,
  use: (opened: OpenToken) => T | Promise<T>,
): Promise<T> {
  const certified = publicKey === null ? {} : { publicKey }
  const key = { selector, certificateOnToken: publicKey === null, ...certified }
  const opened = await openToken(
    { access: { ...access, ...change }, keys: [key] },
    { allow: async () => {}, answered: () => {} },
  )
  try {
    return await use(opened)
  } finally {
    opened.close()
  }
}

/** The only key that was asked for; what is wrong with it is thrown as where it keeps the token from being opened. */
function keyOf({ keys }: OpenToken): FoundKey {
  const outcome = keys[0] as KeyOutcome
  if (!isFound(outcome)) {
    throw new OpenError({ kind: 'configuration', ...outcome })
  }
  return outcome
}

function keyId(change: Change, publicKey: Uint8Array | null = wanted): Promise<string> {
  return open(change, publicKey, (opened) => keyOf(opened).id)
}

/** Why it cannot be opened, as `kind subject message`. */
async function refusal(change: Change, publicKey: Uint8Array | null = wanted): Promise<string> {
  try {
    return `opened ${await keyId(change, publicKey)}`
  } catch (error) {
    if (!(error instanceof OpenError)) {
      throw error
    }
    const { kind, ...rest } = error.failure
    return [kind, ...Object.values(rest)].join(' ')
  }
}

function sha256(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex')
}

/** Works on the token in a session of its own. */
function onToken(act: (lib: pkcs11js.PKCS11, session: Handle) => void): void {
  const lib = new pkcs11js.PKCS11()
  lib.load(token.environment.HSM_MODULE ?? '')
  try {
    // What could not be opened has left it initialized
    lib.C_Finalize()
  } catch {}
  lib.C_Initialize()
  const slot = lib
    .C_GetSlotList(true)
    .find((one) => lib.C_GetTokenInfo(one).label.trim() === 'test') as Handle
  const session = lib.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION)
  lib.C_Login(session, pkcs11js.CKU_USER, PIN)
  act(lib, session)
  lib.C_Finalize()
}

const OF_PRIVATE_KEYS: readonly number[] = [pkcs11js.CKA_ALWAYS_AUTHENTICATE, pkcs11js.CKA_SIGN]

function generate(template: Template, mechanism = pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN): void {
  const size =
    mechanism === pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN
      ? { type: pkcs11js.CKA_MODULUS_BITS, value: 2048 }
      : // The object identifier of P-256
        { type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from('06082a8648ce3d030107', 'hex') }
  const lasting = { type: pkcs11js.CKA_TOKEN, value: true }
  onToken((lib, session) => {
    const publicTemplate = [lasting, size, ...template.filter(({ type }) => !OF_PRIVATE_KEYS.includes(type))]
    const sign = { type: pkcs11js.CKA_SIGN, value: true }
    const privateTemplate = [
      lasting,
      ...(template.some(({ type }) => type === sign.type) ? [] : [sign]),
      ...template,
    ]
    lib.C_GenerateKeyPair(session, { mechanism }, publicTemplate, privateTemplate)
  })
}

/** Destroys all objects of an id. */
function destroy(id: string): void {
  onToken((lib, session) => {
    lib.C_FindObjectsInit(session, [{ type: pkcs11js.CKA_ID, value: Buffer.from(id, 'hex') }])
    const objects = lib.C_FindObjects(session, 10)
    lib.C_FindObjectsFinal(session)
    for (const object of objects) {
      lib.C_DestroyObject(session, object)
    }
  })
}

function named(label: string, id?: string): Template {
  return [
    { type: pkcs11js.CKA_LABEL, value: label },
    ...(id === undefined ? [] : [{ type: pkcs11js.CKA_ID, value: Buffer.from(id, 'hex') }]),
  ]
}

/** A Diffie-Hellman key, which signs nothing. */
function writeExchangeKey(template: Template): void {
  onToken((lib, session) =>
    lib.C_CreateObject(session, [
      { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
      { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_DH },
      { type: pkcs11js.CKA_TOKEN, value: true },
      { type: pkcs11js.CKA_PRIME, value: Buffer.from('17', 'hex') },
      { type: pkcs11js.CKA_BASE, value: Buffer.from('05', 'hex') },
      { type: pkcs11js.CKA_VALUE, value: Buffer.from('06', 'hex') },
      ...template,
    ]),
  )
}

function writeCertificate(id: string, value: Uint8Array): void {
  onToken((lib, session) =>
    lib.C_CreateObject(session, [
      { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_CERTIFICATE },
      { type: pkcs11js.CKA_CERTIFICATE_TYPE, value: pkcs11js.CKC_X_509 },
      { type: pkcs11js.CKA_TOKEN, value: true },
      { type: pkcs11js.CKA_SUBJECT, value: Buffer.from('3000', 'hex') },
      { type: pkcs11js.CKA_ID, value: Buffer.from(id, 'hex') },
      { type: pkcs11js.CKA_VALUE, value: Buffer.from(value) },
    ]),
  )
}

t.test('a token', async (t) => {
  t.test('is the only one', async (t) => t.equal(await keyId({ token: {} }), '01'))

  t.test('is not there', async (t) => {
    t.match(
      await refusal({ token: { label: 'none' } }),
      /^unavailable no token fits label none; there are: label "test" serial \w+ slot 0/,
    )
    module.plan('C_GetSlotList absent')
    t.match(await refusal({ token: {} }), /^unavailable no token is present; there are no initialized tokens/)
    module.plan()
  })

  t.test('is one of several', async (t) => {
    await createToken(token.directory, 'second')
    // SoftHSM sees it once it is initialized anew
    onToken(() => {})
    t.match(
      await refusal({ token: {} }),
      /^configuration token several tokens fit.*"test".*"second"|"second".*"test"/,
    )
    const { serial } = await open({}, wanted, (opened) => opened.token)
    t.equal(await keyId({ token: { serial } }), '01')
    t.match(await refusal({ token: { label: 'second' } }), /there are no private keys that this user can see/)
    const slots = [await refusal({ token: { slot: 0 } }), await refusal({ token: { slot: 1 } })]
    t.ok(slots.includes('opened 01'), slots.join())
    t.match(await refusal({ token: { label: 'second', serial } }), /^unavailable/)
  })

  t.test('is chosen by the id of its slot in place of the index', async (t) => {
    const ids: string[] = []
    onToken((lib) => {
      const slots = lib.C_GetSlotList(true)
      ids.push(...slots.map((slot) => String(new BigUint64Array(Uint8Array.from(slot).buffer)[0])))
    })
    // The last one has no token yet
    for (const [index, slot] of ids.slice(0, 2).entries()) {
      t.match(
        await refusal({ token: { slot } }),
        new RegExp(
          `^configuration slot ${slot} is the id of a slot, not its index in the slot list, which is ${index}: ` +
            `set ${index}; there are: label`,
        ),
      )
    }
    const unknown = '18446744073709551615'
    const wrong = `${unknown} is no index in the slot list, which begins with 0, and no slot has this id`
    t.match(await refusal({ token: { slot: unknown } }), `configuration slot ${wrong}; there are: label`)
    module.plan('C_GetSlotList absent')
    t.match(
      await refusal({ token: { slot: unknown } }),
      `unavailable no token fits slot ${unknown}; ${wrong}; there are no initialized`,
    )
    module.plan()
  })

  t.test('is beside one that fails', async (t) => {
    module.plan('C_GetTokenInfo return CKR_DEVICE_ERROR times=1')
    t.match(
      await refusal({ token: { slot: 0 } }),
      /^unavailable no token fits slot 0; there are: .*; slot 0 cannot be read \(C_GetTokenInfo CKR_DEVICE_ERROR\)/,
    )
    module.plan()
    const other = (await refusal({ token: { slot: 0 } })) === 'opened 01' ? 1 : 0
    module.plan(`C_GetTokenInfo return CKR_DEVICE_ERROR after=${other} times=1`)
    t.equal(await keyId({ token: {} }), '01')
    module.plan()
  })

  t.test('has an error that is not about the configuration', async (t) => {
    module.plan('C_OpenSession return CKR_DEVICE_ERROR times=1')
    await t.rejects(keyId({}), { message: 'CKR_DEVICE_ERROR' })
    module.plan('C_GetAttributeValue return CKR_DEVICE_ERROR times=1')
    await t.rejects(keyId({}), { message: 'CKR_DEVICE_ERROR' })
    module.plan('C_Login return CKR_PIN_INCORRECT times=1')
    await t.rejects(keyId({}), { message: 'CKR_PIN_INCORRECT' })
    module.plan()
  })
})

t.test('the PIN is gone', async (t) => {
  t.match(
    await refusal({ pin: { file: join(directory, 'none') } }),
    /^configuration pin \S+\/none does not exist/,
  )
  t.match(await refusal({ pin: { variable: 'HSM_PIN_X' } }), /^configuration pin is empty/)
})

t.test('what is not clearly a PIN is told to no token', async (t) => {
  const file = join(directory, 'ambiguous-pin')
  const logins = module.calls('C_Login')
  for (const [content, message] of [
    ['', /^configuration pin \S+ is empty/],
    [`${PIN}\n${PIN}`, /^configuration pin \S+ has more than one line/],
    [`${PIN} `, /^configuration pin \S+ begins or ends with a blank/],
    [Buffer.from(`\uFEFF${PIN}`, 'utf16le'), /^configuration pin \S+ is UTF-16/],
  ] as const) {
    writeFileSync(file, content)
    t.match(await refusal({ pin: { file } }), message)
  }
  t.equal(module.calls('C_Login'), logins)
  writeFileSync(file, `\uFEFF${PIN}\r\n`)
  await open({ pin: { file } }, wanted, () => t.equal(module.calls('C_Login'), logins + 1))
})

t.test('the login is repeated', async (t) => {
  await open({}, wanted, async (opened) => {
    const logins = module.calls('C_Login')
    await opened.logIn()
    t.equal(module.calls('C_Login'), logins + 1, 'being logged in already is success')
    module.plan('C_Login close-sessions times=1')
    await opened.logIn()
    t.equal(module.calls('C_Login'), logins + 3, 'in another session where that is gone')
    const open = () => module.calls('C_OpenSession') - module.calls('C_CloseSession')
    const before = open()
    module.plan('C_Login return CKR_SESSION_HANDLE_INVALID times=1')
    await opened.logIn()
    t.equal(open(), before, 'and the one that is said to be gone does not stay open')
    module.plan('C_Login return CKR_PIN_LOCKED')
    await t.rejects(opened.logIn(), { message: 'CKR_PIN_LOCKED' })
    t.equal(module.calls('C_Login'), logins + 6)
    module.plan()
  })
})

t.test('the login is repeated with the PIN that the file holds by then, or the last one', async (t) => {
  const file = join(directory, 'changed-pin')
  const put = (content: string) => {
    writeFileSync(`${file}.new`, content)
    renameSync(`${file}.new`, file)
  }
  put(PIN)
  const versions: string[] = []
  const logins = { allow: async ({ version }: ToldPin) => void versions.push(version), answered() {} }
  const key = { selector: {}, certificateOnToken: false, publicKey: wanted }
  const opened = await openToken({ access: { ...access, pin: { file } }, keys: [key] }, logins)
  const logIn = () => {
    module.plan('C_Login log-out times=1')
    return opened.logIn()
  }
  put(`${PIN}0`)
  await t.rejects(logIn(), { message: 'CKR_PIN_INCORRECT' })
  put(PIN)
  await logIn()
  t.equal(new Set(versions).size, 3, 'another version of the file each time')
  const last = versions.at(-1)
  const told = module.calls('C_Login')
  for (const act of [() => put(''), () => put(`${PIN}\n${PIN}`), () => rmSync(file)]) {
    act()
    await logIn()
    t.equal(versions.at(-1), last)
  }
  t.equal(module.calls('C_Login'), told + 3)
  module.plan()
  opened.close()
})

t.test('a library that cannot be loaded', async (t) => {
  t.match(
    await refusal({ module: import.meta.filename }),
    /^configuration module \S+ cannot be loaded as a PKCS#11 library/,
  )
})

t.test('a certificate on the token', async (t) => {
  const foreign = readFileSync(certificates.root)
  const leaf = new X509Certificate(readFileSync(certificates.leaf)).raw
  const found = () => open({}, null, (opened) => Buffer.from(keyOf(opened).certificates?.[0] ?? ''))

  t.test('there is none', async (t) => {
    t.match(
      await refusal({}, null),
      /^configuration certificate is required, since the token holds no certificate/,
    )
  })
  t.test('of another key, or none at all, does not count', async (t) => {
    writeCertificate('09', new X509Certificate(foreign).raw)
    writeCertificate('01', Buffer.from('not a certificate'))
    t.match(await refusal({}, null), /holds no certificate/)
  })
  t.test('that the token does not show does not count', async (t) => {
    module.plan('C_GetAttributeValue refuse CKA_VALUE CKR_ATTRIBUTE_SENSITIVE')
    t.match(await refusal({}, null), /holds no certificate/)
    module.plan()
  })
  t.test('that has the id of the key, and a time that is none, is told as such', async (t) => {
    const spoiled = Buffer.from(leaf)
    // A UTCTime has 13 characters, of which the third and the fourth are the month
    spoiled.write('13', spoiled.indexOf(Buffer.of(TAG.utcTime, 13)) + 4, 'latin1')
    writeCertificate('01', spoiled)
    t.match(
      await refusal({}, null),
      /; one with the id of the key is not encoded as RFC 5280 says \(.*"\d\d13\d+Z" is not a time of RFC 5280 4\.1\.2\.5\)/,
    )
  })
  t.test('of the key, under another id', async (t) => {
    writeCertificate('0a', leaf)
    t.same(await found(), leaf)
  })
  t.test('of the key, under its id', async (t) => {
    writeCertificate('01', leaf)
    t.same(await found(), leaf)
  })
  t.test('whose key the token does not show', async (t) => {
    module.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
    t.same(await found(), leaf)
    module.plan()
  })
  t.test('that is there twice', async (t) => {
    writeCertificate('01', leaf)
    t.same(await found(), leaf)
    t.equal(await open({}, null, (opened) => keyOf(opened).certificates?.length), 1)
  })
  t.test('beside those of other keys, where the token does not show which is its own', async (t) => {
    module.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
    writeCertificate('01', new X509Certificate(foreign).raw)
    t.match(
      await refusal({}, null),
      /^configuration certificate is required: the token holds certificates of several public keys/,
    )
    module.plan()
    t.same(await found(), leaf, 'where it does, they do not count')
  })
})

t.test('a key', async (t) => {
  const other = der(await generateKey(token, { label: 'other', id: '02' }))
  generate(named('EC', '03'), pkcs11js.CKM_EC_KEY_PAIR_GEN)
  generate([...named('each time', '04'), { type: pkcs11js.CKA_ALWAYS_AUTHENTICATE, value: true }])
  const foreign = createPublicKey(readFileSync(certificates.root)).export({ type: 'spki', format: 'der' })

  t.test('by certificate', async (t) => {
    t.equal(await keyId({}, wanted), '01')
    t.equal(await keyId({}, other), '02')
    const message = await refusal({}, foreign)
    t.match(message, /^configuration certificate is not the certificate of a private key on the token: /)
    t.match(message, `public key has the SHA-256 fingerprint ${sha256(foreign)}; there are: label `)
    t.match(message, `label "signer" id 01 fingerprint ${sha256(wanted)}`)
    t.match(message, `label "other" id 02 fingerprint ${sha256(other)}`)
    t.match(message, /label "EC" id 03 fingerprint [0-9a-f]{64}\b/)
  })
  t.test('by label and id', async (t) => {
    t.equal(await keyId({ key: { label: 'other' } }, other), '02')
    t.equal(await keyId({ key: { id: '01' } }, wanted), '01')
    t.equal(await keyId({ key: { label: 'signer', id: '01' } }, wanted), '01')
    t.match(
      await refusal({ key: { label: 'none' } }, wanted),
      /^configuration key no private key fits label none; .*"signer" id 01/,
    )
    t.match(await refusal({ key: { id: 'ff' } }, wanted), /^configuration key no private key fits id ff; /)
    t.match(await refusal({ key: { label: 'none', id: 'ff' } }, wanted), /fits label none id ff; /)
  })
  t.test('by certificate, of those that share a label', async (t) => {
    generate(named('signer', '07'))
    t.equal(await keyId({ key: { label: 'signer' } }, wanted), '01')
    const several = await refusal({ key: { label: 'signer' } }, null)
    t.match(
      several,
      /^configuration key several private keys fit, choose one by its label or id, .*; there are: /,
    )
    t.match(several, /label "signer" id 07 fingerprint \w{64} RSA \d+ without a certificate on the token/)
    t.match(
      await refusal({ key: { label: 'signer' } }, other),
      /^configuration certificate is not the certificate of one of these private keys, but of the one with label "other" id 02: .*id 07/,
    )
    t.match(
      await refusal({ key: { label: 'signer' } }, foreign),
      /^configuration certificate is not the certificate of a private key on the token: .*id 07/,
    )
    destroy('07')
  })
  t.test('one of several, with nothing to tell them apart', async (t) => {
    t.match(
      await refusal({}, null),
      /^configuration key several private keys fit, choose one by its label or id, or configure its certificate; /,
    )
  })
  t.test('that has label and id of another one', async (t) => {
    const twins = { key: { label: 'twins' } }
    generate(named('twins', '0e'))
    generate(named('twins', '0e'))
    const several = '^configuration key several private keys fit, '
    t.match(
      await refusal(twins, null),
      new RegExp(
        `${several}.*give each a CKA_ID of its own with a tool of the HSM's, or delete the others; ` +
          'there are: label "twins" id 0e fingerprint \\w{64} RSA \\d+ with.*; label "twins" id 0e fingerprint \\w{64} ',
      ),
    )
    const prints = [...(await refusal(twins, null)).matchAll(/fingerprint (\w{64})/g)].map(
      ([, print]) => print,
    )
    t.equal(new Set(prints).size, 2, 'they differ by their public keys')
    onToken((lib, session) => {
      lib.C_FindObjectsInit(session, [
        { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
        { type: pkcs11js.CKA_ID, value: Buffer.from('01', 'hex') },
      ])
      const [original] = lib.C_FindObjects(session, 1)
      lib.C_FindObjectsFinal(session)
      lib.C_CopyObject(session, original as Handle, named('copies', '0f'))
      lib.C_CopyObject(session, original as Handle, named('copies', '0f'))
    })
    t.match(
      await refusal({ key: { label: 'copies' } }),
      new RegExp(`${several}.*or delete the others; there are: `),
    )
    destroy('0e')
    destroy('0f')
  })
  t.test('on a curve, whose twin hides which public key is its own', async (t) => {
    generate(named('curves', '10'), pkcs11js.CKM_EC_KEY_PAIR_GEN)
    generate(named('curves', '10'), pkcs11js.CKM_EC_KEY_PAIR_GEN)
    const shown = await refusal({ key: { label: 'curves' } }, null)
    t.match(
      shown,
      /give each a CKA_ID of its own .*label "curves" id 10 EC P-256 .*; label "curves" id 10 EC P-256 /,
    )
    module.plan('C_GetAttributeValue refuse CKA_KEY_TYPE CKR_ATTRIBUTE_SENSITIVE')
    t.match(await refusal({ key: { label: 'curves' } }, null), /label "curves" id 10 unknown type P-256 /)
    module.plan()
    destroy('10')
  })
  t.test('is not said to be missing where the token has forgotten the login', async (t) => {
    module.plan('C_FindObjectsInit log-out times=1')
    await t.rejects(keyId({ key: { label: 'signer' } }), { message: 'CKR_USER_NOT_LOGGED_IN' })
    module.plan()
  })
  t.test('that is neither an RSA nor an EC key', async (t) => {
    t.equal(await keyId({ key: { label: 'EC' } }, wanted), '03', 'whose certificate is compared later')
    writeExchangeKey(named('key exchange', '08'))
    t.match(
      await refusal({ key: { label: 'key exchange' } }, wanted),
      /^configuration key the private key is neither an RSA nor an EC key: it has label "key exchange" id 08/,
    )
  })
  t.test('that may not sign', async (t) => {
    generate([...named('decrypts', '0b'), { type: pkcs11js.CKA_SIGN, value: false }])
    t.match(
      await refusal({ key: { id: '0b' } }, wanted),
      /^configuration key the private key may not sign \(CKA_SIGN is false\): it has label "decrypts" id 0b; have/,
    )
    module.plan('C_GetAttributeValue refuse CKA_SIGN CKR_ATTRIBUTE_TYPE_INVALID')
    t.equal(
      await keyId({ key: { id: '0b' } }, wanted),
      '0b',
      'what the token does not tell, the test signature does',
    )
    module.plan()
  })
  t.test('that may not sign with the mechanism that is needed', async (t) => {
    const allowed = (...mechanisms: number[]) => ({
      type: pkcs11js.CKA_ALLOWED_MECHANISMS,
      value: Buffer.from(new BigUint64Array(mechanisms.map(BigInt)).buffer),
    })
    generate([...named('PSS', '0c'), allowed(pkcs11js.CKM_RSA_PKCS_PSS, pkcs11js.CKM_SHA256_RSA_PKCS)])
    generate([...named('PKCS#1', '0d'), allowed(pkcs11js.CKM_SHA256_RSA_PKCS, pkcs11js.CKM_RSA_PKCS)])
    t.match(
      await refusal({ key: { id: '0c' } }, wanted),
      /^configuration key the private key with label "PSS" id 0c may not sign with CKM_RSA_PKCS: its CKA_ALLOWED_MECHANISMS has (CKM_RSA_PKCS_PSS, 0x40|0x40, CKM_RSA_PKCS_PSS) alone; have the HSM allow it, set another signatureAlgorithm, or choose another key/,
    )
    t.equal(await keyId({ key: { id: '0d' } }, wanted), '0d')
    module.plan('C_GetAttributeValue refuse CKA_ALLOWED_MECHANISMS CKR_ATTRIBUTE_TYPE_INVALID')
    t.equal(
      await keyId({ key: { id: '0c' } }, wanted),
      '0c',
      'what the token does not tell, the test signature does',
    )
    module.plan()
  })
  t.test('that demands the PIN for each signature', async (t) => {
    t.match(await refusal({ key: { id: '04' } }, wanted), /^configuration key .*CKA_ALWAYS_AUTHENTICATE/)
  })
  t.test('whose attributes the token does not know', async (t) => {
    module.plan(
      ...['CKA_KEY_TYPE', 'CKA_ALWAYS_AUTHENTICATE', 'CKA_LABEL', 'CKA_ID', 'CKA_PUBLIC_EXPONENT'].map(
        (name) => `C_GetAttributeValue refuse ${name} CKR_ATTRIBUTE_TYPE_INVALID`,
      ),
    )
    t.equal(await keyId({ key: { label: 'signer' } }, wanted), '')
    module.plan()
  })
  t.test('whose public half only the public key object shows', async (t) => {
    module.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE times=1')
    await open({ key: { id: '01' } }, wanted, (opened) => t.same(keyOf(opened).publicKey, wanted))
    module.plan()
  })
  t.test('whose public half nothing shows, and there are several', async (t) => {
    module.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
    t.match(await refusal({}, wanted), /several private keys fit/)
    await open({ key: { id: '01' } }, wanted, (opened) => t.notOk('publicKey' in keyOf(opened)))
    module.plan()
  })
  t.test('without an id', async (t) => {
    generate(named('no id'))
    module.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
    t.equal(await keyId({ key: { label: 'no id' } }, wanted), '')
    module.plan()
    t.match(await refusal({ key: { label: 'no id' } }, null), /holds no certificate/)
    t.match(await refusal({ key: { label: 'none' } }), /label "no id" id \(none\)/)
  })
  t.test('whose public key object was deleted', async (t) => {
    await deletePublicKey(token, '02')
    module.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
    t.equal(await keyId({ key: { id: '02' } }, wanted), '02')
    module.plan()
  })
})

t.test('a certificate under another id, where the id of the key is that of its issuer', async (t) => {
  const publicKey = await generateKey(token, { label: 'chained', id: '1b' })
  const { leaf, intermediate } = await issueCertificates(
    join(directory, 'certificates'),
    publicKey,
    'chained.pem',
  )
  const [own, issuer] = [leaf, intermediate].map((file) => new X509Certificate(readFileSync(file)).raw)
  writeCertificate('1b', issuer as Buffer)
  writeCertificate('1c', own as Buffer)
  const found = await open({ key: { label: 'chained' } }, null, (opened) => keyOf(opened).certificates?.[0])
  t.same(Buffer.from(found ?? ''), own)
  module.plan('C_GetAttributeValue refuse CKA_VALUE CKR_DEVICE_ERROR')
  // A fault of the token leaves no certificate out
  await t.rejects(refusal({ key: { label: 'chained' } }, null), /CKR_DEVICE_ERROR/)
  module.plan()
})

t.test('certificates of one key, of which those that came later have another id or none', async (t) => {
  const publicKey = await generateKey(token, { label: 'renewed', id: '1d' })
  const written: string[] = []
  for (const id of ['1d', '1e', '']) {
    const files = await issueCertificates(join(directory, 'certificates'), publicKey, `renewed${id}.pem`)
    const { raw } = new X509Certificate(readFileSync(files.leaf))
    writeCertificate(id, raw)
    written.push(raw.toString('hex'))
  }
  const found = await open({ key: { label: 'renewed' } }, null, (opened) => keyOf(opened).certificates)
  const inHex = found?.map((raw) => Buffer.from(raw).toString('hex'))
  t.strictSame(inHex?.toSorted(), written.toSorted())
})

t.test('certificates with other ids, of a key on a curve whose point the token does not show', async (t) => {
  const keyFile = generateKeyFile(directory, P_256)
  await importKey(token, keyFile, { label: 'no point', id: '1f' })
  await deletePublicKey(token, '1f')
  const written = ['1f', '20', ''].map((id) => {
    const { raw } = issue(directory, { subject: `/CN=of ${id}`, keyFile }).certificate
    writeCertificate(id, raw)
    return raw.toString('hex')
  })
  const found = await open({ key: { label: 'no point' } }, null, (opened) => {
    t.notOk('publicKey' in keyOf(opened))
    return keyOf(opened).certificates
  })
  const inHex = found?.map((raw) => Buffer.from(raw).toString('hex'))
  t.strictSame(inHex?.toSorted(), written.toSorted())
})

t.test('the selected key is found again in another session', async (t) => {
  generate(named('twin', '05'))
  generate(named('twin', '05'))
  generate(named('two types', '1d'))
  generate(named('two types', '1d'), pkcs11js.CKM_EC_KEY_PAIR_GEN)
  generate(named('some with an id', '1e'))
  generate(named('some with an id'))
  generate([
    ...named('', '06').slice(1),
    { type: pkcs11js.CKA_LABEL, value: Buffer.from('Schl\xfcssel', 'latin1') },
  ])
  onToken(() => {})
  const library = loadLibrary(access.module)
  initializeLibrary(library)
  const { slot } = selectToken(library, access.token)
  const session = slot.open(SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION)
  session.login(PIN)
  t.teardown(async () => library.finalize())

  const { handle, ...signer } = selectPrivateKey(session, { selector: { id: '01' } })
  t.same(findSelectedKey(session, signer), handle)
  const { handle: latin1Handle, ...latin1 } = selectPrivateKey(session, { selector: { id: '06' } })
  t.same(findSelectedKey(session, latin1), latin1Handle, 'though its label is not UTF-8')
  const onCurve = publicKeysOf(session, '1d').find((one) => one && keyTypeOf(one) === 'EC') as Buffer
  const curve = selectPrivateKey(session, { selector: { label: 'two types' }, publicKey: onCurve })
  t.same(curve.publicKey, onCurve, 'the public half of its type')
  t.same(findSelectedKey(session, curve), curve.handle, 'beside a key of another type')
  module.plan('C_GetAttributeValue refuse CKA_EC_POINT CKR_ATTRIBUTE_SENSITIVE')
  const { publicKey: _, ...hidden } = curve
  t.same(findSelectedKey(session, hidden), curve.handle, 'the only one that hides its public half')
  module.plan()
  const withoutId = { labelBytes: Buffer.from('some with an id'), id: '' }
  module.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
  const found = findSelectedKey(session, withoutId) as Handle
  module.plan()
  t.equal(readId(session, found).length, 0, 'an empty id means none')
  t.equal(findSelectedKey(session, { labelBytes: Buffer.from('none'), id: '' }), undefined)
  const twin = { labelBytes: Buffer.from('twin'), id: '05' }
  module.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
  const twins = findSelectedKey(session, twin)
  module.plan()
  t.ok(twins, 'without a public key to tell them apart')
  const twinKey = readTwin(session.lib, session.handle, twins as Handle)
  t.same(findSelectedKey(session, { ...twin, publicKey: twinKey }), twins)
  t.equal(findSelectedKey(session, { ...twin, publicKey: wanted }), undefined)
  module.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
  t.equal(findSelectedKey(session, { ...twin, publicKey: twinKey }), undefined)
  module.plan()
})

/** Returns DER SubjectPublicKeyInfo of all public keys of an id. */
function publicKeysOf(session: TokenSession, id: string): (Buffer | undefined)[] {
  return findById(session, pkcs11js.CKO_PUBLIC_KEY, Buffer.from(id, 'hex')).map((key) =>
    readPublicKey(session, key),
  )
}

function readTwin(lib: pkcs11js.PKCS11, session: Handle, key: Handle): Buffer {
  const [modulus, exponent] = lib.C_GetAttributeValue(session, key, [
    { type: pkcs11js.CKA_MODULUS },
    { type: pkcs11js.CKA_PUBLIC_EXPONENT },
  ])
  const encode = (attribute?: { value: unknown }) =>
    Buffer.from(attribute?.value as Buffer).toString('base64url')
  return createPublicKey({
    key: { kty: 'RSA', n: encode(modulus), e: encode(exponent) },
    format: 'jwk',
  }).export({
    type: 'spki',
    format: 'der',
  })
}
