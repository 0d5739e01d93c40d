import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { withDefiniteLengths } from '../../src/asn1/definite-lengths.ts'
import { issue, openssl } from '../support/certificates.ts'

const convert = (hex: string) => withDefiniteLengths(Buffer.from(hex, 'hex')).toString('hex')

t.test('indefinite and long lengths become short ones', async (t) => {
  for (const [ber, der] of [
    ['30800201010000', '3003020101'],
    ['3080308002010100000000', '30053003020101'],
    ['308103020101', '3003020101'],
    ['308400000003020101', '3003020101'],
    ['24800402aabb0401cc0000', '0403aabbcc'],
    ['a080248004010000000000', 'a003040100'],
    ['240704020102040103', '0403010203'],
    ['30800000', '3000'],
    ['0500', '0500'],
  ] as const) {
    t.equal(convert(ber), der)
  }
})

t.test('DER of every length stays as it is', async (t) => {
  for (const length of [0, 127, 128, 255, 256, 65_535, 65_536]) {
    const lengthBytes =
      length < 128
        ? [length]
        : length < 256
          ? [0x81, length]
          : length < 65_536
            ? [0x82, length >> 8, length & 255]
            : [0x83, 1, 0, 0]
    const der = Buffer.concat([Buffer.from([0x04, ...lengthBytes]), Buffer.alloc(length, 0xab)])
    t.ok(withDefiniteLengths(der).equals(der), `${length}`)
  }
  const { certificate } = issue(t.testdir(), { subject: '/CN=Any', ca: true })
  t.ok(withDefiniteLengths(certificate.raw).equals(certificate.raw))
})

t.test('a CMS that OpenSSL streams as BER says the same afterwards', async (t) => {
  const directory = t.testdir({ data: 'x'.repeat(10_000) })
  const { certificateFile, keyFile } = issue(directory, { subject: '/CN=Any' })
  const [ber, der, content] = ['ber', 'der', 'content'].map((name) => `${directory}/${name}`) as [
    string,
    string,
    string,
  ]
  const sign = ['-sign', '-binary', '-nodetach', '-stream', '-signer', certificateFile, '-inkey', keyFile]
  openssl('cms', ...sign, '-in', `${directory}/data`, '-outform', 'DER', '-out', ber)
  t.equal(readFileSync(ber).readUInt8(1), 0x80)
  writeFileSync(der, withDefiniteLengths(readFileSync(ber)))
  t.notMatch(openssl('asn1parse', '-inform', 'DER', '-in', der), /l=inf/)
  openssl('cms', '-verify', '-noverify', '-inform', 'DER', '-in', der, '-out', content)
  t.ok(readFileSync(content).equals(readFileSync(`${directory}/data`)))
})

t.test('what begins with no value is refused', async (t) => {
  for (const hex of [
    '',
    '30',
    '3080',
    '30800201',
    '3080020101',
    '30020201',
    '0480',
    '04810',
    '0487000000000000010',
    '04ff',
    '1f0100',
    '3003050005',
    '2403050001',
    '30'.repeat(20),
    '3080'.repeat(200) + '0000'.repeat(200),
  ]) {
    t.throws(() => convert(hex), hex)
  }
})

t.test('64 kB of the worst kind take no time', async (t) => {
  const begin = process.cpuUsage()
  t.throws(() => withDefiniteLengths(Buffer.alloc(65_536, Buffer.from('3080', 'hex'))))
  t.throws(() => withDefiniteLengths(Buffer.alloc(65_536, 0x30)))
  const flat = Buffer.concat([
    Buffer.from('3080', 'hex'),
    Buffer.alloc(65_530, Buffer.from('0500', 'hex')),
    Buffer.alloc(2),
  ])
  t.equal(withDefiniteLengths(flat).length, 65_534)
  // Time of the processor, which does not hang on what else the machine does
  t.ok(process.cpuUsage(begin).user < 1_000_000)
})
