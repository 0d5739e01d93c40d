import { createServer } from 'node:http'
import type { AddressInfo, LookupFunction } from 'node:net'
import t from 'tap'
import { HttpClient } from '../../src/common/http-client.ts'

t.test('a host is asked first at the address at which it was reached last', async (t) => {
  const asked: string[] = []
  let status = 200
  const serve = async (address: string, port = 0) => {
    const server = createServer((_, response) => response.writeHead(status).end(address))
    await new Promise<void>((resolve) => server.listen(port, address, resolve))
    t.teardown(() => server.close())
    return (server.address() as AddressInfo).port
  }
  const lookup: LookupFunction = (host, options, callback) => {
    asked.push(host)
    const all = ['127.0.0.2', '127.0.0.1'].map((address) => ({ address, family: 4 }))
    callback(null, options.all ? all : '127.0.0.1', 4)
  }
  const port = await serve('127.0.0.1')
  const client = new HttpClient({ lookup })
  const { signal } = new AbortController()
  const get = async (host: string) => {
    const url = new URL(`http://${host}:${port}/`)
    return `${(await client.send({ url, limit: 100, signal })).body}`
  }
  t.equal(await get('one.test'), '127.0.0.1', 'nothing listens at the other one')
  await serve('127.0.0.2', port)
  t.equal(await get('one.test'), '127.0.0.1', 'it is not tried any more')
  t.equal(await get('two.test'), '127.0.0.2', 'of another host nothing is known')
  status = 503
  for (const host of ['one.test', 'two.test']) {
    await t.rejects(get(host), { message: 'answered with the HTTP status 503' })
  }
  status = 200
  t.equal(await get('one.test'), '127.0.0.2', 'what gave no good answer is not preferred any more')
  t.equal(asked.length, 6)
})
