import t from 'tap'
import { Proxies } from '../../src/common/proxies.ts'

const http = { url: new URL('http://one.test:3128') }
const https = { url: new URL('http://two.test:3128') }

t.test('http and https addresses have a proxy each', async (t) => {
  const proxies = new Proxies({ http, https })
  t.equal(proxies.for(new URL('http://a.test/')), http)
  t.equal(proxies.for(new URL('https://a.test/')), https)
  t.equal(new Proxies({ https }).for(new URL('http://a.test/')), undefined)
  t.equal(new Proxies().for(new URL('https://a.test/')), undefined)
})

t.test('hosts that are asked directly', async (t) => {
  for (const [except, direct, proxied] of [
    ['*', ['http://a.test/', 'https://10.0.0.1/'], []],
    [
      'a.test',
      ['http://a.test/', 'http://b.a.test/', 'http://A.TEST:80/', 'http://a.test./'],
      ['http://ba.test/'],
    ],
    ['.a.test', ['http://a.test/', 'http://b.a.test/'], ['http://ba.test/', 'http://test/']],
    ['*.a.test', ['http://b.a.test/'], ['http://ba.test/']],
    ['a.test.', ['http://a.test/', 'http://b.a.test./'], ['http://ba.test/']],
    ['bücher.test', ['http://bücher.test/', 'http://www.xn--bcher-kva.test/'], ['http://b.test/']],
    ['A.Test:8080', ['http://a.test:8080/'], ['http://a.test/', 'https://a.test:443/']],
    ['a.test:443', ['https://a.test/'], ['http://a.test/']],
    ['a.test, b.test c.test,,', ['http://b.test/', 'http://c.test/'], ['http://d.test/']],
    ['10.0.0.1', ['http://10.0.0.1/'], ['http://10.0.0.2/', 'http://a10.0.0.1.test/']],
    ['10.0.0.0/8', ['http://10.9.8.7/', 'http://[::ffff:10.1.1.1]/'], ['http://11.0.0.1/', 'http://a.test/']],
    ['10.0.0.0/8:8080', ['http://10.9.8.7:8080/'], ['http://10.9.8.7/']],
    ['fd00::/8', ['http://[fd12::1]/'], ['http://[fe00::1]/', 'http://1.2.3.4/']],
    ['::1', ['http://[::1]/'], ['http://[::2]/']],
    ['[::1]:8080', ['http://[::1]:8080/'], ['http://[::1]/']],
    ['[::1]', ['http://[::1]/', 'http://[::1]:8080/'], []],
    // An entry that means nothing excepts nobody
    ['10.0.0.0/33', [], ['http://10.0.0.0/']],
    ['10.0.0.0/x', [], ['http://10.0.0.0/']],
    ['[', [], ['http://a.test/']],
    ['a.test:http', [], ['http://a.test/']],
  ] as const) {
    const proxies = new Proxies({ http, https, except })
    for (const address of direct) {
      t.equal(proxies.for(new URL(address)), undefined, `${except} has ${address}`)
    }
    for (const address of proxied) {
      t.ok(proxies.for(new URL(address)), `${except} has not ${address}`)
    }
  }
})
