import { inspect } from 'node:util'
import t from 'tap'
import { readProxies } from '../../src/configuration/proxies.ts'
import { dropUnset } from '../../src/configuration/variables.ts'
import type { ConfigurationProblem } from '../../src/errors.ts'

const SECRET = 'correct%20horse'

function read(environment: Record<string, string>) {
  const problems: ConfigurationProblem[] = []
  const proxies = readProxies(dropUnset(environment, []), environment, problems)
  return { proxies, problems }
}

t.test('proxies are taken with or without http://, and in either case', async (t) => {
  for (const value of [
    'http://proxy.test:3128',
    'http://proxy.test:3128/',
    'proxy.test:3128',
    'HTTP://proxy.test:3128',
  ]) {
    const { proxies, problems } = read({ HTTP_PROXY: value, https_proxy: value, no_proxy: 'a.test' })
    t.strictSame(problems, [])
    t.equal(proxies.http?.url.href, 'http://proxy.test:3128/', value)
    t.equal(proxies.https?.url.href, 'http://proxy.test:3128/', value)
    t.equal(proxies.for(new URL('http://a.test/')), undefined)
  }
  const { proxies } = read({
    HTTP_PROXY: 'http://upper.test',
    http_proxy: 'http://lower.test',
    HTTPS_PROXY: '',
  })
  t.equal(proxies.http?.url.href, 'http://lower.test/', 'that in lower case counts')
  t.equal(proxies.https, undefined)
})

t.test('user and password are kept from whoever looks', async (t) => {
  const { proxies } = read({ HTTP_PROXY: `http://us%40er:${SECRET}@proxy.test:3128` })
  const basic = proxies.http?.authorization?.reveal()
  t.equal(basic, `Basic ${Buffer.from('us@er:correct horse').toString('base64')}`)
  const shown = `${inspect(proxies, { depth: 9, showHidden: true })}${JSON.stringify(proxies)}${proxies.http?.url.href}`
  for (const secret of [SECRET, 'correct horse', `${basic}`]) {
    t.notOk(shown.includes(secret))
  }
  t.ok(read({ HTTP_PROXY: 'http://user@proxy.test' }).proxies.http?.authorization)
})

t.test('what is no address of a proxy is told, without the value', async (t) => {
  for (const [value, wrong] of [
    ['http://', 'is no address of a proxy'],
    ['http://proxy.test:99999', 'is no address of a proxy'],
    [`http://user:${SECRET}%zz@proxy.test`, 'is no address of a proxy'],
    [
      `socks5://user:${SECRET}@proxy.test:1080`,
      'is the address of a proxy that is not asked over plain HTTP',
    ],
    ['https://proxy.test', 'is the address of a proxy that is not asked over plain HTTP'],
    [`http://user:${SECRET}@proxy.test/path`, 'has more in it than the address of a proxy'],
    ['http://proxy.test/?query', 'has more in it than the address of a proxy'],
  ] as const) {
    for (const variable of ['HTTP_PROXY', 'HTTPS_PROXY']) {
      const { problems, proxies } = read({ [variable]: value })
      t.match(problems, [
        { variable, message: new RegExp(`^${wrong}: HTTP proxy .*, for example ${variable}=http`) },
      ])
      t.equal(problems.length, 1)
      t.notMatch(JSON.stringify(problems), SECRET)
      t.strictSame([proxies.http, proxies.https], [undefined, undefined])
    }
  }
  const { problems } = read({ https_proxy: 'socks5://proxy.test', HTTPS_PROXY: 'proxy.test' })
  t.match(
    problems,
    [
      {
        variable: 'HTTPS_PROXY',
        message: /^is set by https_proxy, which is the address of a proxy that is not/,
      },
    ],
    'by the name that counts',
  )
})
