/** A secret of AWS Secrets Manager has one of several forms; one that is unclear is told to no token. */
import t from 'tap'
import { parsePin } from '../../src/configuration/parse-pin.ts'

t.test('a secret is the PIN as it is, without a line end', async (t) => {
  for (const content of ['user:pin-4711', 'user:pin-4711\n', Buffer.from('\uFEFFuser:pin-4711\r\n')]) {
    t.equal(parsePin(content), 'user:pin-4711')
  }
})

t.test(
  'JSON has user and password, as AWS makes it, or the PIN; what only begins like a text or a list is the PIN',
  async (t) => {
    for (const [content, pin] of [
      ['{"username":"user","password":"pin-4711"}', 'user:pin-4711'],
      ['{"username":"user","password":"with:colon"}', 'user:with:colon'],
      ['{\n  "engine": "cloudhsm",\n  "username": "user",\n  "password": "pin-4711"\n}\n', 'user:pin-4711'],
      ['{"pin":"pin-4711"}', 'pin-4711'],
      ['{"pin":"{brace"}', '{brace'],
      ['{"pin":"\\"quoted\\""}', '"quoted"'],
      ['"one quotation mark', '"one quotation mark'],
      [`"two kinds'`, `"two kinds'`],
      [`{"pin":"'quoted'"}`, "'quoted'"],
      ['[bracket', '[bracket'],
      ['export', 'export'],
      [Buffer.from('\uFEFF {"pin":"pin-4711"}'), 'pin-4711'],
    ] as const) {
      t.equal(parsePin(content), pin)
    }
  },
)

t.test('what is not clearly one PIN is refused, and not quoted', async (t) => {
  for (const [content, message] of [
    ['', 'is empty'],
    ['4711 \n', 'begins or ends with a blank: take it away'],
    ['4711\n0815', 'has more than one line: leave nothing but the secret in it'],
    [Buffer.from([0xc3, 0x28]), 'is not UTF-8: save it as UTF-8'],
    [Buffer.from('4711', 'utf16le'), /^holds characters that cannot be seen/],
    [
      '"4711"',
      /^stands in quotation marks, .*: take them away, or write a PIN that has them as {"pin":"…"}$/,
    ],
    [Buffer.from('\uFEFF"4711"\n'), /^stands in quotation marks/],
    ["'4711'\r\n", /^stands in quotation marks/],
    ['"4711\n0815"', /^stands in quotation marks/],
    ['HSM_PIN=4711\n', /^begins with HSM_PIN=/],
    ["export HSM_PIN='4711'\n", /^begins with HSM_PIN=/],
    ['["4711"]', 'is JSON, but no object: leave the PIN alone, or write {"pin":"…"}'],
    ['{4711', 'begins like JSON, and is none: write {"pin":"…"} where the PIN begins with a brace'],
    ['{"pin":"4711","pin":"0815"}', /^begins like JSON, and is none/],
    ['{"hsm":"4711"}', 'is JSON, which must have either pin, or username and password'],
    ['{"username":"4711"}', /^is JSON, which must have/],
    ['{"password":"4711"}', /^is JSON, which must have/],
    ['{"pin":"4711","username":"4711","password":"4711"}', /^is JSON, which must have/],
    ['{"pin":"4711","password":"4711"}', /^is JSON, which must have/],
    ['{"pin":4711}', 'has a pin that is no string: put it in quotation marks'],
    ['{"username":"user","password":["4711"]}', /^has a password that is no string/],
    ['{"username":"","password":"4711"}', 'has a username that is empty'],
    [
      '{"username":"user","password":"4711 "}',
      'has a password that begins or ends with a blank: take it away',
    ],
    ['{"username":"us:er","password":"4711"}', /^has a colon in username/],
  ] as const) {
    let told = 'nothing'
    try {
      parsePin(content)
    } catch (error) {
      told = (error as Error).message
    }
    t.match(told, message)
    t.notMatch(told, /4711|0815/)
  }
})
