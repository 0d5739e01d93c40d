import t from 'tap'
import { parsePkcs11Uri } from '../../src/configuration/pkcs11-uri.ts'

/** The message that a URI is refused with. */
function refusalOf(uri: string): string | undefined {
  try {
    parsePkcs11Uri(uri)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

t.test('the examples of RFC 7512 3 that name a key', async (t) => {
  const nothing = { token: {}, key: {} }
  for (const [uri, expected] of [
    ['pkcs11:', nothing],
    [
      'pkcs11:object=my-key;type=private?pin-source=file:/etc/token',
      { ...nothing, key: { label: 'my-key' }, pinFile: '/etc/token' },
    ],
    [
      'pkcs11:object=my-sign-key;type=private?module-path=/mnt/libmypkcs11.so.1',
      { ...nothing, key: { label: 'my-sign-key' }, module: '/mnt/libmypkcs11.so.1' },
    ],
    [
      // Of a certificate, there
      'pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;' +
        'object=my-certificate;type=private;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin',
      {
        token: {
          label: 'The Software PKCS#11 Softtoken',
          serial: '',
          manufacturer: 'Snake Oil, Inc.',
          model: '1.0',
        },
        key: { label: 'my-certificate', id: '69953e5cf4bdec91' },
        pinFile: '/etc/token_pin',
      },
    ],
    [
      'pkcs11:token=My%20token%25%20created%20by%20Joe;id=%01%02%03%Ba%dd%Ca%fe%04%05%06',
      { token: { label: 'My token% created by Joe' }, key: { id: '010203baddcafe040506' } },
    ],
    [
      'pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;object=my-certificate',
      { token: { label: 'A name with a substring %;' }, key: { label: 'my-certificate' } },
    ],
    [
      'pkcs11:token=Name%20with%20a%20small%20A%20with%20acute:%20%C3%A1;object=my-certificate',
      { token: { label: 'Name with a small A with acute: á' }, key: { label: 'my-certificate' } },
    ],
  ] as const) {
    t.same(parsePkcs11Uri(uri), expected, uri)
  }
})

t.test('the examples of RFC 7512 3 that ask for more than a key to sign with', async (t) => {
  const private_ = 'type must be private, or be left out: it is the private key that signs'
  const name = (what: string) => `is not supported: name the ${what}`
  for (const [uri, message] of [
    ['pkcs11:object=my-pubkey;type=public', private_],
    [
      'pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;' +
        'object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin',
      private_,
    ],
    [
      'pkcs11:object=my-sign-key;type=private?module-name=mypkcs11',
      `module-name ${name('library with module-path')}`,
    ],
    [
      'pkcs11:token=Software%20PKCS%2311%20softtoken;manufacturer=Snake%20Oil,%20Inc.?pin-value=the-pin',
      'has pin-value, but a PIN must not stand in this file: name a file that holds it with pin-source',
    ],
    ['pkcs11:slot-description=Sun%20Metaslot', `slot-description ${name('slot with slot-id, or its token')}`],
    [
      'pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;library-description=Soft%20Token%20Library;library-version=1.23',
      ['library-manufacturer', 'library-description', 'library-version']
        .map((attribute) => `${attribute} ${name('library with module-path')}`)
        .join('; '),
    ],
    [
      'pkcs11:token=my-token;object=my-certificate;type=cert;vendor-aaa=value-a' +
        '?pin-source=file:/etc/token_pin&vendor-bbb=value-b',
      'vendor-aaa is not supported here: token, serial, manufacturer, model, slot-id, object, id, type are; ' +
        `vendor-bbb is not supported here: module-path, pin-source are; ${private_}`,
    ],
  ] as const) {
    t.equal(refusalOf(uri), message, uri)
  }
})

t.test('URIs as p11-kit 0.24 writes them', async (t) => {
  // By p11_kit_uri_format, of a SoftHSM token and of URIs that it had parsed
  t.same(
    parsePkcs11Uri(
      'pkcs11:model=SoftHSM%20v2;manufacturer=SoftHSM%20project;serial=87b9e0096265df28;' +
        'token=a%3Bb%20%25%3D1%20%2F%C3%A4;id=%01%A2%FF;object=k%3Bey%20%3F%26;type=private' +
        '?pin-source=file%3A%2Frun%2Fa%2520b&module-path=%2Fx%2Fy.so',
    ),
    {
      token: {
        label: 'a;b %=1 /ä',
        serial: '87b9e0096265df28',
        manufacturer: 'SoftHSM project',
        model: 'SoftHSM v2',
      },
      key: { label: 'k;ey ?&', id: '01a2ff' },
      module: '/x/y.so',
      // Decoded once, as p11_kit_uri_get_pin_source does
      pinFile: '/run/a%20b',
    },
  )
})

t.test('what RFC 7512 2.3 lets stand unencoded', async (t) => {
  t.same(parsePkcs11Uri("PKCS11:token=-._~:[]@!$'()*+,=&a1?module-path=-._~:[]@!$'()*+,=/?|a1"), {
    token: { label: "-._~:[]@!$'()*+,=&a1" },
    key: {},
    module: "-._~:[]@!$'()*+,=/?|a1",
  })
  t.same(parsePkcs11Uri('pkcs11:id=a%00b?'), { token: {}, key: { id: '610062' } })
})

t.test('slot ids', async (t) => {
  for (const [given, expected] of [
    ['0', '0'],
    ['0042', '42'],
    ['18446744073709551615', '18446744073709551615'],
  ] as const) {
    t.same(parsePkcs11Uri(`pkcs11:slot-id=${given}`).token, { slotId: expected })
  }
  for (const given of ['', 'x', '0x10', '-1', '1.0', '18446744073709551616', '9'.repeat(30)]) {
    t.equal(refusalOf(`pkcs11:slot-id=${given}`), 'slot-id is no slot id: a decimal number', given)
  }
})

t.test('where the PIN is', async (t) => {
  for (const source of [
    '/run/pin',
    'file:/run/pin',
    'file:///run/pin',
    'FILE://localhost/run/pin',
    '%2Frun%2Fpin',
  ]) {
    t.equal(parsePkcs11Uri(`pkcs11:?pin-source=${source}`).pinFile, '/run/pin', source)
  }
  for (const source of [
    '',
    'pin',
    'file:pin',
    'file://host/run/pin',
    '//host/pin',
    'https://host/pin',
    'file:',
  ]) {
    t.equal(
      refusalOf(`pkcs11:?pin-source=${source}`),
      'pin-source is neither a file: URI nor an absolute path',
      source,
    )
  }
  for (const source of ['|/bin/pin', '%7C/bin/pin']) {
    t.equal(
      refusalOf(`pkcs11:?pin-source=${source}`),
      'pin-source names a program: this service runs none, name a file that holds the PIN',
    )
  }
})

t.test('what is no such URI', async (t) => {
  for (const uri of ['', 'pkcs11', 'pkcs12:token=a', ' pkcs11:token=a', 'token=a', 'https://host/']) {
    t.equal(refusalOf(uri), 'is no pkcs11: URI, such as pkcs11:token=hsm1;object=contracts', uri)
  }
  const encode = 'has a character that must be percent-encoded'
  const form = 'is not of the form name=value'
  for (const [uri, message] of [
    ['pkcs11:token=a b', `token ${encode}`],
    ['pkcs11:token=a/b', `token ${encode}`],
    ['pkcs11:token=ä', `token ${encode}`],
    ['pkcs11:token=a#b', `token ${encode}`],
    ['pkcs11:token=a\n', `token ${encode}`],
    ['pkcs11:?module-path=/a;b', `module-path ${encode}`],
    ['pkcs11:token=a%2', 'token has a % that no two hex digits follow'],
    ['pkcs11:id=%zz', 'id has a % that no two hex digits follow'],
    ['pkcs11:token=%C3', 'token is not UTF-8'],
    ['pkcs11:token=a;token=a', 'token stands twice'],
    ['pkcs11:?module-path=/a&module-path=/b', 'module-path stands twice'],
    ['pkcs11:id=', 'id is empty: leave it out'],
    ['pkcs11:object=', 'object is empty: leave it out'],
    ['pkcs11:?module-path=', 'module-path is empty: leave it out'],
    ['pkcs11:type=', 'type must be private, or be left out: it is the private key that signs'],
    ['pkcs11:token=a;', `attribute 2 of the path ${form}`],
    ['pkcs11:token', `attribute 1 of the path ${form}`],
    ['pkcs11:token=a?x&/run', `attribute 1 of the query ${form}; attribute 2 of the query ${form}`],
    ['pkcs11:to%6ben=a', `attribute 1 of the path ${form}`],
    [
      'pkcs11:Token=a',
      'Token is not supported here: token, serial, manufacturer, model, slot-id, object, id, type are',
    ],
    ['pkcs11:?token=a', 'token is not supported here: module-path, pin-source are'],
    [
      'pkcs11:token=%;object=;x?y',
      `token has a % that no two hex digits follow; attribute 3 of the path ${form}; attribute 1 of the query ${form}; object is empty: leave it out`,
    ],
  ] as const) {
    t.equal(refusalOf(uri), message, uri)
  }
  t.equal(refusalOf(`pkcs11:token=${'%20a'.repeat(200_000)}ä`), `token ${encode}`, 'however long it is')
})

t.test('a PIN is in no message, wherever it was put', async (t) => {
  for (const part of [
    ...[
      '?pin-value=4711',
      '?pin-value=47&11',
      '?pin-value=47&x4711=1',
      '?x=1&pin-value=4711&pin-source=/run/pin',
    ],
    ...[
      'pin-value=4711',
      '?pin_value=47&x4711=',
      '?PIN=4711',
      '?pin-value:4711',
      '?pin-source=4711',
      '?pin-source=|4711',
    ],
    ...['?4711', '?=4711', '4711', 'token=%4711ä'],
  ]) {
    const refusal = refusalOf(`pkcs11:${part}`)
    t.type(refusal, 'string', part)
    t.notMatch(refusal, '47', part)
  }
})
