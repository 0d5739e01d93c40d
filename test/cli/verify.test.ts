import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { generateKeyFile, type Issued, issue, RSA_2048 } from '../support/certificates.ts'
import { runCommand } from '../support/command.ts'
import { signInSoftware } from '../support/software-container.ts'
import { createSigningToken } from '../support/token.ts'
import { verifyCms } from '../support/validators/openssl.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const { environment, certificates } = await createSigningToken(directory)
const content = randomBytes(1_000_000)
writeFileSync(path('document'), content)
writeFileSync(path('other'), 'another document')
await runCommand(environment, 'sign', path('document'), '--out', path('cades.p7s'))
await runCommand(environment, 'sign', path('document'), '--type', 'cms', '--pem', '--out', path('cms.pem'))

const rsaKey = generateKeyFile(directory, RSA_2048)
const root = issue(directory, { subject: '/CN=root', ca: true })

/** A signature by openssl over the document, with the certificates given embedded. */
function signWith(
  { certificateFile, keyFile }: Issued,
  embedded: readonly Issued[],
  ...options: string[]
): string {
  const file = path(`${randomBytes(4).toString('hex')}.p7s`)
  const chain = path('chain.pem')
  writeFileSync(chain, embedded.map((one) => readFileSync(one.certificateFile, 'utf8')).join(''))
  const chainOptions = embedded.length === 0 ? [] : ['-certfile', chain]
  const signer = ['-signer', certificateFile, '-inkey', keyFile, ...chainOptions]
  execFileSync(
    'openssl',
    [
      'cms',
      '-sign',
      '-binary',
      '-in',
      path('document'),
      '-outform',
      'DER',
      '-out',
      file,
      ...signer,
      ...options,
    ],
    { stdio: 'pipe' },
  )
  return file
}

async function verify(signature: string, ca: string, document = 'document') {
  const result = await runCommand(
    {},
    'verify',
    path(document),
    '--signature',
    signature,
    '--ca',
    ca,
    '--json',
  )
  return { ...result, report: JSON.parse(result.stdout || 'null') }
}

t.test('what sign has signed', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand(
    environment,
    ...['verify', path('document'), '--signature', path('cades.p7s')],
  )
  t.same([exitCode, stderr], [0, ''])
  t.match(
    stdout,
    /^signer +O=Demo, CN=Test signer\nserial +[0-9A-F]+\nhash +sha256\nsigned at +20\d\d-.*Z, by the signer's clock\ndigest +ok\nsignature +ok\nchain +ok\nresult +valid\n$/,
  )
  const { exitCode: code, report } = await verify(path('cms.pem'), certificates.root)
  t.equal(code, 0)
  t.match(report, { valid: true, hash: 'sha256', signingTime: /^20\d\d-.*Z$/ })
})

t.test('the time of signing is told to people', async (t) => {
  const args = ['verify', path('document'), '--signature', path('cms.pem'), '--ca', certificates.root]
  const { stdout } = await runCommand({}, ...args)
  t.match(stdout, /\nsigned at +20\d\d-.*Z, by the signer's clock\n/)
})

t.test('a signature without signing-time says nothing of when it was made', async (t) => {
  const signer = issue(directory, { subject: '/CN=Untimed', issuer: root, keyFile: rsaKey })
  writeFileSync(path('untimed.p7s'), signInSoftware({ content, signer, chain: [root], type: 'cades' }))
  const { exitCode, stdout } = await runCommand(
    {},
    ...['verify', path('document'), '--signature', path('untimed.p7s'), '--ca', root.certificateFile],
  )
  t.equal(exitCode, 0)
  t.match(stdout, /\nsigned at +not told\n/)
  t.match((await verify(path('untimed.p7s'), root.certificateFile)).report, {
    valid: true,
    signingTime: null,
  })
})

t.test('another file, another signature, and another CA', async (t) => {
  const other = await verify(path('cades.p7s'), certificates.root, 'other')
  t.equal(other.exitCode, 1)
  t.equal(other.stderr, '')
  t.same(other.report.problems, { digest: 'the file is not the one that was signed' })
  const changed = readFileSync(path('cades.p7s'))
  changed.writeUInt8(changed.readUInt8(changed.length - 1) ^ 1, changed.length - 1)
  writeFileSync(path('changed.p7s'), changed)
  t.match(await verifyCms({ cms: changed, content }), { valid: false })
  const { report } = await verify(path('changed.p7s'), certificates.root)
  t.match(report.problems, { signature: /^it is not that of the signer certificate/ })
  const stranger = await verify(path('cades.p7s'), root.certificateFile)
  t.equal(stranger.exitCode, 1)
  t.match(stranger.report.problems, {
    chain: /^no path to a self-signed certificate of the CA file: it ends at /,
  })
  const intermediate = await verify(path('cades.p7s'), certificates.intermediate)
  t.match(intermediate.report.problems, { chain: /^no path to a self-signed/ })
  const { stdout, exitCode } = await runCommand(
    {},
    ...['verify', path('other'), '--signature', path('cades.p7s'), '--ca', certificates.root],
  )
  t.equal(exitCode, 1)
  t.match(stdout, /\ndigest +the file is not the one that was signed\n[\s\S]*result +NOT VALID\n$/)
})

t.test('chains that openssl refuses as well', async (t) => {
  const leaf = { subject: '/CN=leaf', keyFile: rsaKey }
  const narrow = issue(directory, {
    ...{ subject: '/CN=narrow', issuer: root, ca: true },
    extensions: ['basicConstraints = critical, CA:true, pathlen:0', 'keyUsage = critical, keyCertSign'],
  })
  const below = issue(directory, { subject: '/CN=below', issuer: narrow, ca: true })
  const noAuthority = issue(directory, {
    ...{ subject: '/CN=no authority', issuer: root },
    extensions: ['basicConstraints = CA:false'],
  })
  const expired = { ...leaf, issuer: root, notAfter: new Date(Date.now() - 3_600_000) }
  const odd = { ...leaf, issuer: root, extensions: ['1.2.3.4 = critical, ASN1:NULL'] }
  for (const [message, signer, ...embedded] of [
    [
      /CN=narrow allows 0 certificate authorities between it and a signer .pathLenConstraint., but there is 1/,
      issue(directory, { ...leaf, issuer: below }),
      below,
      narrow,
    ],
    [
      /CN=no authority is not that of a certificate authority/,
      issue(directory, { ...leaf, issuer: noAuthority }),
      noAuthority,
    ],
    [/CN=leaf expired at/, issue(directory, expired)],
    [/CN=leaf has a critical extension that is not supported, 1\.2\.3\.4/, issue(directory, odd)],
  ] as [RegExp, Issued, ...Issued[]][]) {
    const signature = signWith(signer, embedded)
    const cms = readFileSync(signature)
    t.match(await verifyCms({ cms, content, trustAnchors: root.certificateFile }), { valid: false })
    const { exitCode, report } = await verify(signature, root.certificateFile)
    t.equal(exitCode, 1)
    t.match(report.problems, { chain: message, digest: undefined, signature: undefined })
  }
})

t.test('a path length that is kept, and a root that only the signature brings', async (t) => {
  const narrow = issue(directory, {
    ...{ subject: '/CN=narrow', issuer: root, ca: true },
    extensions: ['basicConstraints = critical, CA:true, pathlen:0', 'keyUsage = critical, keyCertSign'],
  })
  const signer = issue(directory, { subject: '/CN=leaf', issuer: narrow, keyFile: rsaKey })
  const signature = signWith(signer, [narrow, root])
  t.match((await verify(signature, root.certificateFile)).report, { valid: true })
  t.match((await verify(signature, certificates.root)).report, { valid: false })
})

t.test('a certificate of the first version, which has no extensions', async (t) => {
  const signer = issue(directory, { subject: '/CN=plain', issuer: root, keyFile: rsaKey, extensions: [] })
  t.match((await verify(signWith(signer, []), root.certificateFile)).report, { valid: true })
})

t.test('every algorithm that openssl signs with, and verifies', async (t) => {
  const leaf = { subject: '/CN=leaf', issuer: root }
  const rsa = issue(directory, { ...leaf, keyFile: rsaKey })
  const pssOnly = issue(directory, {
    ...leaf,
    key: ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'],
  })
  const curves = ['P-256', 'P-384', 'P-521', 'brainpoolP256r1'].map((curve) =>
    issue(directory, { ...leaf, key: ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`] }),
  )
  const pss = ['-keyopt', 'rsa_padding_mode:pss']
  for (const [signer, ...options] of [
    [rsa],
    [rsa, '-md', 'sha1'],
    [rsa, ...pss],
    [rsa, ...pss, '-md', 'sha1'],
    [rsa, ...pss, '-md', 'sha512', '-keyopt', 'rsa_pss_saltlen:digest'],
    [rsa, ...pss, '-md', 'sha224', '-keyopt', 'rsa_pss_saltlen:0'],
    [pssOnly, ...pss, '-md', 'sha384'],
    ...curves.map((curve) => [curve, '-md', 'sha256'] as const),
    ...curves.map((curve) => [curve, '-md', 'sha512'] as const),
  ] as [Issued, ...string[]][]) {
    const file = signWith(signer, [], ...options)
    const cms = readFileSync(file)
    t.match(await verifyCms({ cms, content, trustAnchors: root.certificateFile }), { valid: true })
    const { report } = await verify(file, root.certificateFile)
    t.match(report, { valid: true }, options.join(' '))
    cms.writeUInt8(cms.readUInt8(cms.length - 1) ^ 1, cms.length - 1)
    writeFileSync(path('flipped.p7s'), cms)
    t.match((await verify(path('flipped.p7s'), root.certificateFile)).report.problems, {
      signature: /^it is not that of the signer certificate over these signed attributes$/,
    })
  }
})

t.test('an algorithm that is not that of the hash, and one that nobody knows', async (t) => {
  const cms = readFileSync(signWith(issue(directory, { subject: '/CN=leaf', issuer: root }), []))
  const ecdsaWithSha256 = Buffer.from('06082a8648ce3d040302', 'hex')
  const last = cms.lastIndexOf(ecdsaWithSha256) + ecdsaWithSha256.length - 1
  for (const [number, signature] of [
    [3, 'it is over another hash than that of the signed attributes'],
    [0x63, 'its signature algorithm, 1.2.840.10045.4.3.99, is not supported'],
  ] as const) {
    cms.writeUInt8(number, last)
    writeFileSync(path('misfit.p7s'), cms)
    const { report, exitCode } = await verify(path('misfit.p7s'), root.certificateFile)
    t.equal(exitCode, 1)
    t.match(report.problems, { signature })
  }
})

t.test('what is no such signature', async (t) => {
  const signer = issue(directory, { subject: '/CN=leaf', issuer: root, keyFile: rsaKey })
  writeFileSync(path('garbage'), 'garbage')
  execFileSync('openssl', [
    'cms',
    '-data_create',
    '-in',
    path('other'),
    '-outform',
    'DER',
    '-out',
    path('data'),
  ])
  for (const [message, file] of [
    [/it is no CMS signature, neither DER nor PEM/, path('garbage')],
    [/it is no CMS signature/, path('data')],
    [/ENOENT/, path('none')],
    [/it holds its own content/, signWith(signer, [], '-nodetach')],
    [/it has 2 signers/, signWith(signer, [], '-signer', root.certificateFile, '-inkey', root.keyFile)],
    [/it does not hold the certificate of its signer/, signWith(signer, [], '-nocerts')],
    [/it does not hold the certificate of its signer/, signWith(signer, [], '-keyid')],
    [/it has no signed attribute message-digest/, signWith(signer, [], '-noattr')],
    [/its hash algorithm, 1\.2\.840\.113549\.2\.5, is not supported/, signWith(signer, [], '-md', 'md5')],
  ] as const) {
    const { exitCode, stdout, stderr } = await verify(file, root.certificateFile)
    t.same([exitCode, stdout], [1, ''])
    t.match(stderr, message)
  }
})

t.test('files that cannot be used, and arguments', async (t) => {
  const signature = ['--signature', path('cades.p7s')]
  for (const [code, message, ...args] of [
    [1, /^there is nothing to trust: set CA_CERTIFICATES_FILE, or --ca\n$/, path('document'), ...signature],
    [1, /garbage cannot be used: /, path('document'), ...signature, '--ca', path('garbage')],
    [1, /none cannot be read: ENOENT/, path('none'), ...signature, '--ca', certificates.root],
    [2, /required option '--signature <file>' not specified/, path('document')],
    [2, /missing required argument 'file'/, ...signature],
  ] as [number, RegExp, ...string[]][]) {
    const { exitCode, stdout, stderr } = await runCommand({}, 'verify', ...args)
    t.same([exitCode, stdout], [code, ''])
    t.match(stderr, message)
  }
})
