import fc from 'fast-check'
import t from 'tap'
import { findJwts, isJwtForOther, seemsToNameSigner } from '../../src/access/misplaced-signer.ts'

const NAMES = ['house', 'Contracts']

const jwtOf = (payload: string) => `eyJhbGciOiJub25lIn0.${Buffer.from(payload).toString('base64url')}.`
const OBJECT = '{"signer":"contracts","userId":"4711"}'
const base64 = (text: string) => Buffer.from(text).toString('base64')

const NAMING: Readonly<Record<string, string>> = {
  'an object that was encoded twice': JSON.stringify(OBJECT),
  'an object that was encoded three times': JSON.stringify(JSON.stringify(OBJECT)),
  'a list of one object': `[${OBJECT}]`,
  'a list of lists': `[["user"],[${OBJECT}]]`,
  'a list that was encoded twice': JSON.stringify(`[${OBJECT}]`),
  'an object in another': `{"token":${OBJECT}}`,
  'an object in a text of another': JSON.stringify({ token: OBJECT }),
  'base64 of an object in another': JSON.stringify({ token: base64(OBJECT) }),
  'a list with another spelling': '[{"Signer":"contracts"}]',
  'an object with another spelling': '{"SIGNER":"contracts"}',
  'an object with a space in the name': '{" signer":"contracts"}',
  'a typing error': '{"singer":"contracts"}',
  'a longer name': '{"userId":"4711","signerName":"Contracts"}',
  'a longer name in a list of another': '{"tokens":[{"signer_id":" house"}]}',
  'a list with an escape': '[{"sign\\u0065r":"contracts"}]',
  'a comment before it': `/* of the user */ ${OBJECT}`,
  'a comment of a line before it': `// of the user\n${OBJECT}`,
  'a byte order mark': `\ufeff${OBJECT}`,
  base64: base64(OBJECT),
  'base64 for URLs': Buffer.from('{"signer":"contracts","more":"???>>>"}').toString('base64url'),
  'base64 in lines': base64(OBJECT).replace(/.{20}/g, '$&\r\n'),
  'base64 of base64': base64(base64(OBJECT)),
  'base64 of an object that was encoded twice': base64(JSON.stringify(OBJECT)),
  'base64 that was encoded as JSON': JSON.stringify(base64(OBJECT)),
  'percent-encoding': encodeURIComponent(OBJECT),
  'single quotes': "{'signer':'contracts'}",
  'no quotes': '{signer:"contracts"}',
  'no braces': '"signer": "contracts"',
  'a form': 'userId=4711&signer=contracts',
  'a form alone': 'signer=contracts',
  'an object behind a name': `token=${OBJECT}`,
  YAML: 'userId: 4711\nsigner: contracts',
  XML: '<token><signer>contracts</signer></token>',
  'a list of names': '{"signers":["contracts"]}',
  'HTML escapes': '{&quot;signer&quot;:&quot;contracts&quot;}',
  'escapes of a script': '{\\u0022signer\\u0022:\\u0022contracts\\u0022}',
  'typographic quotes': '{“signer”:“contracts”}',
  'an arrow': 'signer -> contracts',
  'a path': '/sign/contracts',
  'names behind each other': 'signer-name “Contracts”',
  'base64 with its type before it': `data:application/json;base64,${base64(OBJECT)}`,
  'base64 with a scheme before it': `Basic ${base64(OBJECT)}`,
  'base64 with something behind it': `${base64(OBJECT)}.sig`,
  'base64 of UTF-16': Buffer.from(OBJECT, 'utf16le').toString('base64'),
  'UTF-16 without an encoding': Buffer.from(OBJECT, 'utf16le').toString('latin1'),
  'an object as text': `${{ signer: 'contracts' }}`,
  'an object as text, in a list': JSON.stringify([String({})]),
  'an object as text beside other fields': JSON.stringify({ userId: 'a', token: String({}) }),
  hex: Buffer.from(OBJECT).toString('hex'),
  'a list of a name': '["contracts"]',
  'a name by itself': 'contracts',
  'a name with white space': ' contracts\n',
  'a name as JSON': '"house"',
  'a name in base64': base64('Contracts'),
  'a signed text as itsdangerous makes it': `${Buffer.from(OBJECT).toString('base64url')}.ZbX3Yw.c2lnbmF0dXJl`,
  'base64 of a JWT': base64(jwtOf(OBJECT)),
  'base64 of base64 of a JWT': base64(base64(jwtOf(OBJECT))),
  'hex of a JWT': Buffer.from(jwtOf(OBJECT)).toString('hex'),
  PASETO: `v4.public.${Buffer.concat([Buffer.from(OBJECT), Buffer.alloc(64, 0xa7)]).toString('base64url')}`,
}

const OPAQUE: Readonly<Record<string, string>> = {
  nothing: '',
  'the id of a user': 'user-4711',
  'a GUID in braces': '{0f8fad5b-d9cb-469f-a165-70867728950e}',
  'a JWT': 'eyJhbGciOiJFUzI1NiJ9.eyJzaWduZXIiOiJjb250cmFjdHMifQ.c2ln',
  'a JWT with padding': `${base64('{"alg":"ES256"}')}.${base64(OBJECT)}.${base64('sig')}`,
  'a JWT in a field': JSON.stringify({ token: jwtOf(OBJECT) }),
  'an object without a signer': '{"userId":"4711","signMethod":"hsm"}',
  'a signer that is null': '{"signer":null}',
  'a text of a user about a signer': '{"title":"Signer: Bob"}',
  'a longer name with something else': '{"signerName":"Bob","signers":7}',
  'the name of a signer for something else': '{"folder":"contracts"}',
  'a list without a signer': '["Signer: Bob", {"userId":"4711"}, null, 7]',
  'an object in base64 without a signer': base64('{"userId":"4711"}'),
  'a name of nobody in a text about a signer': 'signer -> Bob, who has contracts-7',
  'the name of a signer in a list of something else': '{"folders":["contracts"]}',
  'a role and a folder': '{"role":"signer","folder":"contracts"}',
  'a role and a tenant': 'role=signer;tenant=contracts',
  'a role and a tenant in base64': base64('user:42|role:signer|org:contracts'),
  'an entry of a directory': 'cn=signer,ou=contracts,dc=house',
  'an account': 'spiffe://house/ns/signer/sa/contracts',
  'an address': 'https://portal/sign/4711?dept=contracts',
  'people who sign': '{"signers":[{"name":"Anna","department":"contracts"}]}',
  'a list of roles': '["contracts","editor"]',
  'a longer word': 'designer=contracts&cosigner=contracts',
  'a name that begins like one': 'contracts-7',
  'percent signs': '100%zz',
  'a number': '4711',
  'a list without an end': '[{"userId"',
}

t.test('a token seems to name a signer', async (t) => {
  for (const [what, token] of Object.entries(NAMING)) {
    t.equal(seemsToNameSigner(token, NAMES), true, what)
  }
})

t.test('a token is opaque', async (t) => {
  for (const [what, token] of Object.entries(OPAQUE)) {
    t.equal(seemsToNameSigner(token, NAMES), false, what)
  }
})

t.test('a JWT is for another signer', async (t) => {
  // Reading 72 kB of claims, which a body has room for, would hold up others for 40 ms
  const long = (fill: number) => jwtOf(`{"signer":"Contracts","x":"${'x'.repeat(fill)}"}`)
  const other = '{"signer":"Contracts"}'
  for (const token of [
    jwtOf(other),
    `${base64('{"alg":"none"}')}.${base64(other)}.`,
    `Bearer ${jwtOf(other)}`,
    `JWT ${jwtOf(other)}`,
    `e30.${Buffer.from(other).toString('base64url')}.sig`,
  ]) {
    t.equal(isJwtForOther([token], 'house', NAMES, false), true, token)
    t.equal(isJwtForOther([token], 'Contracts', NAMES, false), false, token)
  }
  for (const claims of [
    '{"signers":["contracts"]}',
    '{"Signer":"contracts"}',
    '{"signer":"contracts"}',
    '{"data":{"signer":"Contracts"}}',
    '{"signer_name":"contracts"}',
    '{"singer":"contracts"}',
    '{"custom:signer":"contracts"}',
    '{"https://example.com/signer":"contracts"}',
    '{"https://example.com/singer":"contracts"}',
    '{"allowed_signers":["contracts"]}',
  ]) {
    t.equal(isJwtForOther([jwtOf(claims)], 'house', NAMES, true), true, claims)
    t.equal(isJwtForOther([jwtOf(claims)], 'Contracts', NAMES, true), false, claims)
  }
  for (const claims of [
    '{"signers":["house","contracts"]}',
    '{"pdf-signer":{"roles":["contracts"]}}',
    '{"signer":"Bob"}',
    '{"https://signer.example.com/team":"contracts"}',
    '{"groups":["contracts"],"role":"signer"}',
    '{"signer":null}',
    '7',
    '{',
  ]) {
    t.equal(isJwtForOther([jwtOf(claims)], 'house', NAMES, true), false, claims)
  }
  t.equal(isJwtForOther([long(12_000)], 'house', NAMES, false), true)
  t.equal(isJwtForOther([long(13_000)], 'house', NAMES, false), false, 'it is not read')
})

t.test('the claims of all tokens of a request are read within one bound', async (t) => {
  const groups = (count: number) => JSON.stringify({ groups: Array(count).fill('a'), singer: 'contracts' })
  const [short, long] = [jwtOf(groups(10)), jwtOf(groups(1_500).replace('contracts', 'house'))]
  t.equal(isJwtForOther([long, short], 'house', NAMES, true), true)
  t.equal(isJwtForOther([long, long, short], 'house', NAMES, true), false)
})

t.test('JSON Web Tokens are found in other tokens', async (t) => {
  const jwt = jwtOf(OBJECT)
  const padded = `${base64('{"alg":"none"}')}.${base64(OBJECT)}.`
  for (const token of [
    JSON.stringify([jwt]),
    JSON.stringify({ accessToken: jwt }),
    JSON.stringify({ user: { token: jwt } }),
    `Token ${jwt}`,
  ]) {
    for (const one of [jwt, padded, `${base64('{ "alg":"none"}')}.x.`, `${base64('{\n"alg":"none"}')}.x.`]) {
      t.strictSame(findJwts(token.replace(jwt, one)), [one], token)
    }
  }
  t.strictSame(findJwts('a.b.c {"day":"2026.11.26"}'), [])
  t.equal(findJwts(Array(20).fill(jwt).join()).length, 8)
  t.strictSame(findJwts('eyJ'.repeat(5_000)), [])
})

t.test('a name is found behind much else that a token may hold, and not behind anything', async (t) => {
  const groups = (count: number) =>
    Array.from({ length: count }, (_, index) => `5f3c${index}`.padEnd(36, '0'))
  const roles = (count: number) => Array.from({ length: count }, (_, id) => ({ id, level: 'reader' }))
  for (const [what, found, isFoundInClaims = found] of [
    [{ groups: groups(300), signerName: 'contracts' }, true],
    [{ roles: roles(300), signerName: 'contracts' }, true],
    [{ ...Object.fromEntries(groups(60).map((name) => [name, 'contracts'])), singer: 'contracts' }, true],
    [{ ...Object.fromEntries(groups(70).map((name) => [name, 'contracts'])), singer: 'contracts' }, false],
    // Longer ones are not parsed, and looked through as a text
    [{ x: Array(5_000).fill(1), signerName: 'contracts' }, true],
    [{ x: Array(3_000).fill([]), y: { signer: 'contracts' } }, true],
    [{ x: Array(2_100).fill(1), signer: 'contracts' }, true],
    [{ x: Array(5_000).fill(1), user: 'contracts' }, false],
    // The first string counts twice, in the token and by itself, so that the second one is not parsed
    [{ x: JSON.stringify(Array(1_100).fill(1)), y: '{"signer":"contracts"}' }, true, false],
    [{ x: JSON.stringify(Array(1_100).fill(1)), y: '{"user":"contracts"}' }, false],
  ] as const) {
    const token = JSON.stringify(what)
    t.equal(seemsToNameSigner(token, NAMES), found, token.slice(-60))
    const claims = { ...what, sub: 'somebody' }
    const jwt = jwtOf(JSON.stringify(claims))
    t.equal(isJwtForOther([jwt], 'house', NAMES, true), isFoundInClaims, 'as claims')
    t.equal(isJwtForOther([jwt], 'contracts', ['contracts'], true), false, 'where there is no other')
  }
})

t.test('claims that cannot be read are for another signer if they seem to name one', async (t) => {
  for (const claims of [
    '{"signer":"contracts","a":1,"a":2}',
    `{"signer":"contracts","a":${'['.repeat(70)}`,
  ]) {
    for (const isMeant of [true, false]) {
      const isForOther = (text: string) => isJwtForOther([jwtOf(text)], 'house', NAMES, isMeant)
      t.equal(isForOther(claims), true)
      t.equal(isForOther(claims.replace('signer', 'signers')), isMeant)
      t.equal(isForOther(claims.replace('signer', 'sub')), false)
    }
  }
})

t.test('tokens of any kind are looked at without an error, and soon', async (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.base64String()), (token) => {
      return typeof seemsToNameSigner(token, NAMES) === 'boolean'
    }),
  )
  for (const token of [
    '['.repeat(16_384),
    `%${'25'.repeat(8000)}`,
    `"${'\\"'.repeat(8000)}"`,
    'A'.repeat(16_384),
    `${'A'.repeat(16)}.`.repeat(960),
    '\\u0041'.repeat(2700),
    'signer '.repeat(2300),
    `signer${'&'.repeat(16_000)}`,
    `signer${'&a'.repeat(8_000)}`,
  ]) {
    t.equal(seemsToNameSigner(token, NAMES), false, token.slice(0, 8))
  }
})

t.test('the longest of tokens are looked through in little time', async (t) => {
  const spaces = `A${' '.repeat(16_000)}!`
  for (const token of [spaces, JSON.stringify(spaces), base64(spaces.slice(0, 12_000)), '%20'.repeat(5000)]) {
    const before = process.cpuUsage()
    t.equal(seemsToNameSigner(token, NAMES), false)
    const { user } = process.cpuUsage(before)
    t.ok(user < 100_000, `${user} µs`)
  }
})

t.test('no token takes long to search, whatever is repeated in it', async (t) => {
  const before = process.cpuUsage().user
  for (const part of [
    '&_;',
    '&#_;',
    '&__;',
    '&a;',
    '&#1;',
    '&',
    '&&;#',
    '"',
    '_',
    ' ',
    '\\u0073',
    '%73',
    'a-',
  ]) {
    const run = `signer${part.repeat(45)}é `
    const token = run.repeat(Math.floor(16_384 / run.length))
    t.equal(seemsToNameSigner(token, NAMES), false, part)
    isJwtForOther([token], 'house', NAMES, true)
  }
  // Texts in texts are searched up to a bound, however many there are
  const words = Array.from({ length: 900 }, (_, index) => base64(`word ${index} of many`).slice(0, 16))
  for (const token of [
    JSON.stringify(Array(1_600).fill('[{}]')),
    words.join(' '),
    `${words.join(' ')} %2541 \\u005cu0041`,
  ]) {
    t.equal(seemsToNameSigner(token, NAMES), false)
  }
  // Some milliseconds, where a search that may go two ways takes 20 seconds for each of the first three
  t.ok(process.cpuUsage().user - before < 5_000_000)
})
