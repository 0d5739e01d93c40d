import t from 'tap'
import { encode } from '../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../src/asn1/tag.ts'
import { readAddresses } from '../../src/x509/certificate-extensions.ts'
import { readCertificateFields } from '../../src/x509/certificate-fields.ts'
import { issue } from '../support/certificates.ts'

const directory = t.testdir()
const NONE = { ocsp: [], crl: [] }
const why = 'it is neither http nor https'

function addresses(...extensions: string[]) {
  const { certificate } = issue(directory, { subject: '/CN=leaf', extensions })
  const { ocsp, crl, ignored, distributionPoints } = readAddresses(readCertificateFields(certificate))
  return { ocsp: ocsp.map(String), crl: crl.map(String), ignored, points: distributionPoints.length }
}

t.test('addresses are those over HTTP, of responders and of complete CRLs of the same issuer', async (t) => {
  t.strictSame(addresses('basicConstraints = CA:FALSE'), { ocsp: [], crl: [], ignored: NONE, points: 0 })
  const access =
    'authorityInfoAccess = caIssuers;URI:http://ca/, OCSP;URI:ldap://a/, OCSP;URI:https://a/, OCSP;URI:b'
  t.strictSame(addresses(access), {
    ocsp: ['https://a/'],
    crl: [],
    ignored: {
      ...NONE,
      ocsp: [
        { address: 'ldap://a/', why },
        { address: 'b', why },
      ],
    },
    points: 0,
  })
  t.strictSame(addresses('authorityInfoAccess = OCSP;email:copy@example.com, OCSP;email:a@b').ocsp, [])
  t.strictSame(addresses('crlDistributionPoints = URI:http://a/, URI:ldap://a/, URI:http://b/'), {
    ocsp: [],
    crl: ['http://a/', 'http://b/'],
    ignored: { ...NONE, crl: [{ address: 'ldap://a/', why }] },
    points: 3,
  })
  const points = ['[one]', 'fullname = URI:http://a/', '[two]', 'fullname = URI:http://b/']
  t.strictSame(
    addresses(
      'crlDistributionPoints = one, two, three, four',
      ...points,
      'reasons = keyCompromise',
      '[three]',
      'fullname = URI:http://c/',
      'CRLissuer = dirName:name',
      '[four]',
      'relativename = name',
      '[name]',
      'CN = part',
    ),
    {
      ...{ ocsp: [], crl: ['http://a/'], points: 2 },
      ignored: {
        ...NONE,
        crl: [
          { address: 'http://b/', why: 'it has a CRL for some reasons only' },
          { address: 'http://c/', why: 'it has the CRL of another issuer' },
        ],
      },
    },
  )
  const many = Array.from({ length: 9 }, (_, index) => `URI:http://a/${index}`)
  t.equal(addresses(`crlDistributionPoints = ${many.join(', ')}`).crl.length, 4)
})

t.test('a distribution point that names all reasons has a complete CRL', async (t) => {
  const flags = (octets: string) => {
    const uri = encode(contextTag(6, 'primitive'), Buffer.from('http://a/'))
    const bits = encode(contextTag(1, 'primitive'), Buffer.from(octets, 'hex'))
    const point = encode(TAG.sequence, encode(contextTag(0), encode(contextTag(0), uri)), bits)
    return addresses(`2.5.29.31 = DER:${encode(TAG.sequence, point).toString('hex')}`).crl
  }
  t.strictSame([flags('077f80'), flags('07ff80')], [['http://a/'], ['http://a/']])
  for (const some of ['', '00', '017e', '007f', '07fe80', '07bf80', '07ff00']) {
    t.strictSame(flags(some), [], some)
  }
})

t.test('an authority that names itself as the issuer of its CRL, which it need not', async (t) => {
  const point = (name: string) => [
    'crlDistributionPoints = point',
    ...['[point]', 'fullname = URI:http://a/', 'CRLissuer = dirName:name', '[name]', `CN = ${name}`],
  ]
  t.strictSame(addresses(...point('LEAF')).crl, ['http://a/'], 'names are compared as names')
  t.strictSame(addresses(...point('other')).crl, [])
})

t.test('what is malformed is passed over, and the others are asked', async (t) => {
  const crl = 'crlDistributionPoints = URI:http://a/'
  const ocsp = 'authorityInfoAccess = OCSP;URI:http://b/'
  const [access, points] = ['1.3.6.1.5.5.7.1.1', '2.5.29.31']
  t.match(addresses(crl, `${access} = DER:0500`), { crl: ['http://a/'], ocsp: [] })
  t.match(addresses(ocsp, `${points} = DER:0500`), { crl: [], ocsp: ['http://b/'] })
  const good = '300fa00da00b8609687474703a2f2f612f'
  t.match(addresses(`${points} = DER:30133000${good}`).crl, ['http://a/'])
  t.match(addresses(`${points} = DER:30130500${good}`).crl, ['http://a/'])
  t.match(addresses(`${points} = DER:30153002a000${good}`).crl, ['http://a/'], 'a name that is none')
})

t.test('an address with UTF-8 in it is asked as browsers and OpenSSL do', async (t) => {
  const point = (octets: Buffer) => {
    const uri = encode(contextTag(6, 'primitive'), Buffer.from('http://a/'), octets)
    const name = encode(contextTag(0), encode(contextTag(0), uri))
    const value = encode(TAG.sequence, encode(TAG.sequence, name))
    return `2.5.29.31 = DER:${value.toString('hex')}`
  }
  t.strictSame(addresses(point(Buffer.from('ü'))).crl, ['http://a/%C3%BC'])
  t.strictSame(addresses(point(Buffer.of(0xfc))).crl, ['http://a/%C3%BC'], 'Latin-1')
})
