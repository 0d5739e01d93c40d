import t from 'tap'
import { readSecret } from '../../src/common/secret.ts'

const SECRET = 'crypto-user:pin 4711 €'

t.test('what editors and echo put around a secret is no part of it', async (t) => {
  for (const [name, content] of [
    ['nothing', SECRET],
    ['a line end', `${SECRET}\n`],
    ['a line end of Windows', `${SECRET}\r\n`],
    ['a line end of old Macs', `${SECRET}\r`],
    ['empty lines behind it', `${SECRET}\n\r\n\n`],
    ['a byte order mark', `\uFEFF${SECRET}\n`],
  ] as const) {
    t.equal(readSecret(Buffer.from(content)), SECRET, name)
    t.equal(readSecret(content), SECRET, `${name}, in a variable`)
  }
})

t.test('what is not clearly a secret is refused, in words that hold nothing of it', async (t) => {
  const utf16 = Buffer.from(`\uFEFF${SECRET}\r\n`, 'utf16le')
  for (const [name, content, message] of [
    ['nothing', '', /^is empty$/],
    ['line ends alone', '\r\n\n', /^is empty$/],
    ['a byte order mark alone', '\uFEFF', /^is empty$/],
    ['a second line', `${SECRET}\n# the PIN of the HSM\n`, /^has more than one line/],
    ['a line before it', `\n${SECRET}`, /^has more than one line/],
    ['a line separator', `${SECRET}\u2028more`, /^has more than one line/],
    ['a blank behind it', `${SECRET} \n`, /^begins or ends with a blank/],
    ['a blank before it', ` ${SECRET}`, /^begins or ends with a blank/],
    ['a no-break space', `${SECRET}\u00A0`, /^begins or ends with a blank/],
    ['a tab', `${SECRET}\t`, /^holds characters that cannot be seen/],
    ['NUL', `${SECRET}\0`, /^holds characters that cannot be seen/],
    ['a zero-width space', `${SECRET}\u200B`, /^holds characters that cannot be seen/],
    ['a second byte order mark', `\uFEFF\uFEFF${SECRET}`, /^holds characters that cannot be seen/],
    ['UTF-16', utf16, /^is UTF-16/],
    ['UTF-16, the other way round', Buffer.from(utf16).swap16(), /^is UTF-16/],
    ['UTF-16 without its mark', utf16.subarray(2), /^(is not UTF-8|holds characters that cannot be seen)/],
    ['Latin-1', Buffer.from('größe', 'latin1'), /^is not UTF-8/],
    ['a variable that was not UTF-8', 'gr\uFFFDße', /^holds characters that cannot be seen/],
    ['a whole file of something', 'x'.repeat(20_000), /^is larger than 16384 bytes/],
  ] as const) {
    t.throws(() => readSecret(content), { message }, name)
    try {
      readSecret(content)
    } catch (error) {
      t.notMatch((error as Error).message, /4711|crypto/, name)
    }
  }
})
