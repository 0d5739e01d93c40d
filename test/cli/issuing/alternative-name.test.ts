import * as pkijs from 'pkijs'
import t from 'tap'
import { parseAlternativeName } from '../../../src/cli/issuing/alternative-name.ts'

/** DER in hex. */
function encode(name: string): string {
  const altNames = [parseAlternativeName(name)]
  // Without the SEQUENCE about it
  return Buffer.from(new pkijs.AltName({ altNames }).toSchema().toBER()).subarray(2).toString('hex')
}

t.test('addresses of either length', (t) => {
  for (const [name, hex] of [
    ['IP:192.0.2.1', '8704c0000201'],
    ['IP:::', `8710${'00'.repeat(16)}`],
    ['IP:::1', `8710${'00'.repeat(15)}01`],
    ['IP:2001:db8::', `871020010db8${'00'.repeat(12)}`],
    ['ip:2001:DB8:1:2:3:4:5:6', '871020010db8000100020003000400050006'],
    ['IP:::ffff:192.0.2.1', `8710${'00'.repeat(10)}ffffc0000201`],
  ] as const) {
    t.equal(encode(name), hex, name)
  }
  t.end()
})

t.test('names', (t) => {
  t.equal(encode('DNS:*.example.com'), `820d${Buffer.from('*.example.com').toString('hex')}`)
  t.equal(encode('email:a.b+c@example.com'), `8111${Buffer.from('a.b+c@example.com').toString('hex')}`)
  t.equal(encode('URI:urn:a:b'), `8607${Buffer.from('urn:a:b').toString('hex')}`)
  t.end()
})

t.test('what is no name', (t) => {
  for (const [name, message] of [
    ['example.com', 'it must begin with DNS:, email:, URI: or IP:'],
    ['DNS:', 'after its first colon it must be a host name in ASCII'],
    ['DNS:müller.example', /a host name/],
    ['DNS:-a.example', /a host name/],
    ['DNS:a..b', /a host name/],
    [`DNS:${'a.'.repeat(130)}b`, /a host name/],
    ['email:example.com', 'after its first colon it must be a mail address in ASCII'],
    ['email:a@b@c', /a mail address/],
    ['email:a b@c', /a mail address/],
    ['URI:/path', 'after its first colon it must be an absolute URI in ASCII'],
    ['URI:https://a b', /an absolute URI/],
    ['URI:https://', /an absolute URI/],
    ['IP:192.0.2', 'after its first colon it must be an IP address'],
    ['IP:192.0.2.0/24', /an IP address/],
    ['IP:fe80::1%eth0', /an IP address/],
  ] as const) {
    t.throws(() => parseAlternativeName(name), { message }, name)
  }
  t.end()
})
