import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseCertificates } from '../../src/x509/certificate-file.ts'
import { issue, openssl } from '../support/certificates.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=Root', ca: true })
const leaf = issue(directory, { subject: '/CN=Signer', issuer: root })
const leafPem = readFileSync(leaf.certificateFile, 'utf8')
const rootPem = readFileSync(root.certificateFile, 'utf8')
const keyPem = readFileSync(leaf.keyFile, 'utf8')
const text = openssl('x509', '-in', leaf.certificateFile, '-text')
const request = openssl('req', '-new', '-key', leaf.keyFile, '-subj', '/CN=Signer')
const trusted = openssl('x509', '-in', leaf.certificateFile, '-trustout', '-addtrust', 'emailProtection')

t.test('what is read', async (t) => {
  const both = [leaf, root]
  const ended = Buffer.concat([leaf.certificate.raw, Buffer.from('\r\n')])
  const file = join(directory, 'ended.der')
  writeFileSync(file, ended)
  t.match(openssl('x509', '-in', file, '-noout', '-subject'), /Signer/, 'openssl reads it')
  for (const [name, content, expected] of [
    ['PEM', leafPem, [leaf]],
    ['PEM with line ends of DOS', leafPem.replaceAll('\n', '\r\n'), [leaf]],
    ['PEM without a line end', leafPem.trimEnd(), [leaf]],
    ['PEM after a byte order mark', `\uFEFF${leafPem}`, [leaf]],
    ['several, in their order', leafPem + rootPem, both],
    ['several, in the other order', rootPem + leafPem, [root, leaf]],
    [
      'text around them, as openssl x509 -text writes it',
      `${text}\nfriendlyName: Größe\n${rootPem}bye`,
      both,
    ],
    [
      'comments about certificates',
      `# --- BEGIN ROOT CERTIFICATE ---\n# MIGROS ROOT\n${leafPem}--- END CERTIFICATE ---\n-----END CERTIFICATE-----\n`,
      [leaf],
    ],
    [
      'blocks beside that have it in their labels',
      `${leafPem}${request}-----BEGIN ATTRIBUTE CERTIFICATE-----\nMIIB\n-----END ATTRIBUTE CERTIFICATE-----\n`,
      [leaf],
    ],
    ['labels of old', leafPem.replaceAll(' CERTIFICATE', ' X509 CERTIFICATE'), [leaf]],
    ['the label of openssl x509 -trustout', trusted, [leaf]],
    ['other blocks beside', openssl('ecparam', '-name', 'prime256v1') + leafPem, [leaf]],
    ['DER', leaf.certificate.raw, [leaf]],
    ['DER and a line end', ended, [leaf]],
  ] as const) {
    const certificates = parseCertificates(Buffer.from(content))
    t.strictSame(
      certificates.map(({ fingerprint256 }) => fingerprint256),
      expected.map(({ certificate }) => certificate.fingerprint256),
      name,
    )
  }
})

t.test('what is refused, and why', async (t) => {
  const cut = leafPem.slice(0, leafPem.length / 2)
  const garbled = leafPem.replace(/\n(.{20})/, '\nAAAAAAAAAAAAAAAAAAAA')
  const encryptedKey = openssl('pkcs8', '-topk8', '-in', leaf.keyFile, '-passout', 'pass:secret')
  const traditionalKey = openssl('pkey', '-in', leaf.keyFile, '-traditional')
  const privateKey = /^it holds a private key, which belongs in the HSM alone/
  for (const [name, content, message] of [
    ['nothing', '', /^it is empty$/],
    ['UTF-16', Buffer.from(`\uFEFF${leafPem}`, 'utf16le'), /^it is UTF-16, as PowerShell/],
    ['UTF-16 without its mark', Buffer.from(leafPem, 'utf16le'), /^it is UTF-16, as PowerShell/],
    ['UTF-16 of the other order', Buffer.from(leafPem, 'utf16le').swap16(), /^it is UTF-16, as PowerShell/],
    ['base64 of PEM', Buffer.from(leafPem).toString('base64'), /^it is PEM that was encoded in base64 once/],
    [
      'base64 alone',
      leafPem.replace(/-.*-\n/g, ''),
      /^it is base64 without the lines around it: put -----BEGIN/,
    ],
    ['garbage', 'garbage', /^it is neither PEM nor a DER certificate$/],
    ['half of a DER certificate', leaf.certificate.raw.subarray(0, 200), /^it is neither PEM nor a DER/],
    ['DER and a word', Buffer.concat([leaf.certificate.raw, Buffer.from('\nword')]), /^more follows/],
    ['two DER certificates', Buffer.concat([leaf.certificate.raw, root.certificate.raw]), /^more follows/],
    ['a block of no known kind alone', `-----BEGIN X-----\n-----END X-----\n`, /^it holds no certificate$/],
    [
      'DER before PEM',
      Buffer.concat([leaf.certificate.raw, Buffer.from(rootPem)]),
      /^it has a certificate in DER/,
    ],
    [
      'DER between PEM and PEM',
      Buffer.concat([Buffer.from(leafPem), root.certificate.raw, Buffer.from(leafPem)]),
      /^it has a certificate in DER beside those in PEM: convert that one, `openssl x509 -inform DER -in FILE`/,
    ],
    [
      'base64 alone before PEM',
      leafPem.replace(/-.*-\n/g, '') + rootPem,
      /^it has base64 without right lines/,
    ],
    [
      'base64 alone behind PEM',
      rootPem + leafPem.replace(/-.*-\n/g, ''),
      /^it has base64 without right lines/,
    ],
    ['base64 of PEM behind PEM', rootPem + Buffer.from(leafPem).toString('base64'), /^it has base64 without/],
    [
      'UTF-16 behind PEM',
      Buffer.concat([Buffer.from(rootPem), Buffer.from(leafPem, 'utf16le')]),
      /^a part of it is UTF-16/,
    ],
    [
      'UTF-16 of the other order before PEM',
      Buffer.concat([Buffer.from(leafPem, 'utf16le').swap16(), Buffer.from(rootPem)]),
      /^a part of it is UTF-16/,
    ],
    [
      'a BEGIN line with four hyphens',
      leafPem.replace('-----BEGIN', '----BEGIN') + rootPem,
      /^it has base64 without/,
    ],
    [
      'a BEGIN line with dashes',
      leafPem.replace('-----BEGIN', '—–BEGIN') + rootPem,
      /^it has base64 without/,
    ],
    [
      'LDIF',
      rootPem + leafPem.replace(/-.*-\n/g, '').replace(/^/, 'userCertificate;binary:: '),
      /^it has base64 without/,
    ],
    [
      'indented base64',
      rootPem + leafPem.replace(/-.*-\n/g, '').replace(/^/gm, '  "'),
      /^it has base64 without/,
    ],
    ...['Certificate', 'CERTIFICATE CHAIN'].map(
      (label) =>
        [
          label,
          rootPem + leafPem.replaceAll(' CERTIFICATE', ` ${label}`),
          /^it has a block with another label/,
        ] as const,
    ),
    ['garbage in a block', garbled, /^certificate 1 in it is not encoded as RFC 5280 says \(/],
    [
      'garbage in the second block',
      rootPem + garbled,
      /^certificate 2 in it is not encoded as RFC 5280 says/,
    ],
    [
      'a block that is no base64',
      leafPem.replace('MII', 'M-I'),
      /^certificate 1 in it .* \(it is no base64\)/,
    ],
    ['a block that was cut off', cut, /^block 1 in it has no matching END line$/],
    ['a block that was cut off behind a good one', rootPem + cut, /^block 2 in it has no/],
    ['a block that was cut off before a good one', cut + rootPem, /^block 1 in it has no/],
    ['an END line of another label', leafPem.replace('END CERT', 'END X509 CERT'), /^block 1 in it has no/],
    ['a private key', keyPem, privateKey],
    ['a private key behind a certificate', leafPem + keyPem, privateKey],
    ['a private key that was cut off', leafPem + keyPem.slice(0, 100), privateKey],
    ['an encrypted private key', leafPem + encryptedKey, privateKey],
    ['a private key of the old form', leafPem + traditionalKey, privateKey],
  ] as const) {
    t.throws(() => parseCertificates(Buffer.from(content)), { message }, name)
  }
})

t.test('other files are told by what they are, with the way to certificates', async (t) => {
  const file = (name: string) => `${directory}/${name}`
  const bundle = ['crl2pkcs7', '-nocrl', '-certfile', leaf.certificateFile, '-certfile', root.certificateFile]
  const key = ['-inkey', leaf.keyFile, '-in', leaf.certificateFile]
  openssl(...bundle, '-out', file('pem.p7b'))
  openssl(...bundle, '-outform', 'DER', '-out', file('der.p7b'))
  openssl('pkcs12', '-export', ...key, '-passout', 'pass:secret', '-out', file('signer.p12'))
  openssl('req', '-new', '-key', leaf.keyFile, '-subj', '/CN=Signer', '-out', file('request.pem'))
  openssl('pkey', '-in', leaf.keyFile, '-pubout', '-out', file('public.pem'))
  for (const [name, message] of [
    ['pem.p7b', /^it is a PKCS #7 file .*`openssl pkcs7 -in FILE -print_certs -out bundle.pem`/],
    ['der.p7b', /^it is a PKCS #7 file .*with `-inform DER`/],
    ['signer.p12', /^it is a PKCS #12 file .*`openssl pkcs12 -in FILE -nokeys -out bundle.pem`/],
    ['request.pem', /^it is a certificate request/],
    ['public.pem', /^it is a public key/],
  ] as const) {
    t.throws(() => parseCertificates(readFileSync(file(name))), { message }, name)
  }
  t.throws(
    () => parseCertificates(Buffer.from(rootPem + readFileSync(file('pem.p7b'), 'utf8'))),
    { message: /^it is a PKCS #7 file/ },
    'beside a certificate',
  )
  const labelled = readFileSync(file('pem.p7b'), 'utf8').replaceAll('PKCS7', 'CERTIFICATE')
  writeFileSync(file('labelled.p7b'), labelled)
  t.match(
    openssl('pkcs7', '-in', file('labelled.p7b'), '-print_certs'),
    /BEGIN CERTIFICATE/,
    'openssl reads it',
  )
  t.throws(
    () => parseCertificates(Buffer.from(labelled)),
    { message: /^it is a PKCS #7 file/ },
    'so labelled',
  )
  const twice = leafPem.replace(/\n.*\n(?=-)/s, `\n${Buffer.from(leafPem).toString('base64')}\n`)
  writeFileSync(file('twice.pem'), twice)
  t.throws(() => parseCertificates(Buffer.from(twice)), {
    message: /^it is PEM that was encoded in base64 once/,
  })
  const undone = execFileSync('sh', ['-c', 'grep -v -e ----- twice.pem | base64 -d'], { cwd: directory })
  t.equal(undone.toString(), leafPem, 'as the message says')
  const indefinite = Buffer.from('308006092a864886f70d010702a0800000', 'hex')
  t.throws(() => parseCertificates(indefinite), { message: /^it is a PKCS #7 file/ }, 'BER')
  t.throws(() => parseCertificates(Buffer.from(`-----BEGIN X509 CRL-----\n-----END X509 CRL-----`)), {
    message: /^it is a list of revoked certificates/,
  })

  openssl('pkcs7', '-inform', 'DER', '-in', file('der.p7b'), '-print_certs', '-out', file('bundle.pem'))
  openssl(
    'pkcs12',
    '-in',
    file('signer.p12'),
    '-passin',
    'pass:secret',
    '-nokeys',
    '-out',
    file('signer.pem'),
  )
  t.equal(parseCertificates(readFileSync(file('bundle.pem'))).length, 2, 'what the message says works')
  t.equal(parseCertificates(readFileSync(file('signer.pem'))).length, 1)
})
