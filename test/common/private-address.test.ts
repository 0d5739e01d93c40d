import { lookup as lookupName } from 'node:dns'
import type { LookupFunction } from 'node:net'
import t from 'tap'
import { isPrivateAddress, isPrivateHost, lookupPublic } from '../../src/common/private-address.ts'

const PRIVATE = [
  ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.255.255'],
  ...['169.254.169.254', '172.16.0.1', '172.31.255.255', '192.168.1.1', '192.0.0.8', '198.18.0.1'],
  ...['224.0.0.1', '255.255.255.255', '::', '::1', 'fc00::1', 'fdff::1', 'fe80::1', 'fe80::1%2', 'fec0::1'],
  ...[
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:a9fe:a9fe',
    '::10.0.0.1',
    '64:ff9b::10.0.0.1',
  ],
  ...['64:ff9b:1::1', '2002:a00:1::', '2002:7f00:1::1', 'no address'],
]
const PUBLIC = [
  ...['1.1.1.1', '11.0.0.1', '100.63.255.255', '100.128.0.1', '128.0.0.1', '169.253.1.1', '172.15.0.1'],
  ...['172.32.0.1', '192.167.1.1', '192.169.1.1', '223.255.255.255', '2001:db8::1', '2606:4700::1111'],
  ...['::ffff:1.1.1.1', '64:ff9b::1.1.1.1', '2002:101:101::'],
]

t.test('addresses of private networks, of this machine and of nobody', async (t) => {
  t.strictSame(
    PRIVATE.filter((address) => !isPrivateAddress(address)),
    [],
  )
  t.strictSame(
    PUBLIC.filter((address) => isPrivateAddress(address)),
    [],
  )
})

t.test('hosts of URLs, however the address is written', async (t) => {
  const hosts = [
    'localhost',
    'LOCALHOST.',
    'a.localhost',
    '127.1',
    '2130706433',
    '0x7f.1',
    '[::1]',
    '[::ffff:7f00:1]',
    '017700000001',
  ]
  for (const host of hosts) {
    t.ok(isPrivateHost(new URL(`http://${host}/`).hostname), host)
  }
  for (const host of ['example.com', 'localhost.example.com', 'notlocalhost', '1.1.1.1', '[2001:db8::1]']) {
    t.notOk(isPrivateHost(new URL(`http://${host}/`).hostname), host)
  }
})

t.test('a lookup leaves private addresses out, in both forms that sockets ask in', async (t) => {
  const refusal = new Error('refused')
  const found = [
    { address: '10.0.0.1', family: 4 },
    { address: '2001:db8::1', family: 6 },
  ]
  const ask = (all: boolean, lookup: LookupFunction) =>
    new Promise((resolve) => {
      lookupPublic(lookup, refusal)('name.test', { all }, (error, ...rest) => resolve(error ?? rest))
    })
  const both: LookupFunction = (_, __, callback) => callback(null, found)
  t.strictSame(await ask(true, both), [[found[1]]])
  t.strictSame(await ask(false, both), ['2001:db8::1', 6])
  t.equal(await ask(true, (_, __, callback) => callback(null, found.slice(0, 1))), refusal)
  const missing = new Error('ENOTFOUND')
  t.equal(await ask(true, (_, __, callback) => callback(missing, [])), missing)
  const own = await new Promise((resolve) => {
    lookupPublic(lookupName as LookupFunction, refusal)('localhost', {}, resolve)
  })
  t.equal(own, refusal)
})
