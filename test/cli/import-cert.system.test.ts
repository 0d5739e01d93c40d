import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../src/asn1/tag.ts'
import { issue, P_256, RSA_2048 } from '../support/certificates.ts'
import { runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { algorithm, CERTIFICATE, elementsOf, resign } from '../support/resigned.ts'
import {
  createToken,
  deletePublicKey,
  generateKey,
  importKey,
  issueCertificates,
  PIN,
} from '../support/token.ts'

const directory = t.testdir({ garbage: 'no certificate' })
const token = await createToken(join(directory, 'token'))
const { environment } = token
const faulty = await createFaultyModule(directory, environment)
const key = await generateKey(token, { label: 'signer', id: '01' })
const { leaf, root } = await issueCertificates(join(directory, 'certificates'), key)
const { leaf: renewed } = await issueCertificates(join(directory, 'certificates'), key, 'renewed.pem')
const { leaf: second } = await issueCertificates(join(directory, 'certificates'), key, 'second.pem')

function pkcs11Tool(...args: string[]): string {
  const access = ['--module', `${environment.HSM_MODULE}`, '--token-label', 'test', '--login', '--pin', PIN]
  return execFileSync('pkcs11-tool', [...access, ...args], { encoding: 'utf8', stdio: 'pipe' })
}

t.test('a token that refuses objects', async (t) => {
  faulty.plan('C_CreateObject return CKR_TOKEN_WRITE_PROTECTED')
  const { exitCode, stdout, stderr } = await runCommand(faulty.environment, 'import-cert', leaf)
  t.same([exitCode, stdout], [1, ''])
  t.match(
    stderr,
    /^the token does not take the certificate: C_CreateObject CKR_TOKEN_WRITE_PROTECTED\. Not every/,
  )
  faulty.plan()
})

t.test('a certificate that belongs to no key', async (t) => {
  const { certificateFile } = issue(directory, { subject: '/CN=Stranger', key: RSA_2048 })
  const { exitCode, stderr } = await runCommand(environment, 'import-cert', certificateFile)
  t.equal(exitCode, 1)
  t.match(
    stderr,
    /^none of the 1 private keys that this user can see has the certificate's public key, .*[0-9a-f]{64}/,
  )
})

t.test('a certificate that the service would refuse', async (t) => {
  const authority = issue(directory, { subject: '/CN=Root', ca: true })
  const signer = issue(directory, { subject: '/CN=Signer', issuer: authority })
  const reversed = join(directory, 'reversed.pem')
  writeFileSync(reversed, `${authority.certificate}${signer.certificate}`)
  const { certificateFile: keyAgreement } = issue(directory, {
    subject: '/CN=Key agreement',
    extensions: ['keyUsage=keyAgreement'],
  })
  for (const [file, message] of [
    [root, 'is the certificate of a certificate authority (O=Demo, CN=Demo root CA'],
    [reversed, 'put the certificate of CN=Signer first\n'],
    [keyAgreement, 'is not for signing documents, by its key usage (keyAgreement); have it issued with'],
  ] as const) {
    const { exitCode, stderr } = await runCommand(environment, 'import-cert', file)
    t.equal(exitCode, 1)
    t.match(stderr, `${file}: `)
    t.match(stderr, message)
  }
})

t.test('a key whose public half the token does not show', async (t) => {
  const right = issue(directory, { subject: '/CN=Hidden', key: P_256 })
  const wrong = issue(directory, { subject: '/CN=Other', key: P_256 })
  await importKey(token, right.keyFile, { label: 'hidden', id: 'e1' })
  await deletePublicKey(token, 'e1')
  const certificates = async () => JSON.parse((await runCommand(environment, 'certs', '--json')).stdout)
  const imported = await runCommand(environment, 'import-cert', right.certificateFile)
  t.equal(imported.exitCode, 0, imported.stderr)
  t.match(await certificates(), [{ id: 'e1', subject: 'CN=Hidden', privateKey: true, used: true }])
  const onToken = { ...environment, HSM_KEY_LABEL: 'hidden' }
  const check = await runCommand(onToken, 'check')
  t.match(check.stdout, /\nok +test signature +/, check.stdout)

  // Nothing tells which of two keys it belongs to
  await importKey(token, wrong.keyFile, { label: 'also hidden', id: 'e2' })
  await deletePublicKey(token, 'e2')
  const unclear = await runCommand(environment, 'import-cert', wrong.certificateFile)
  t.equal(unclear.exitCode, 1)
  t.match(
    unclear.stderr,
    /^none of the 3 private keys .* fingerprint is [0-9a-f]{64}; the token does not show the public half of 2 that may have it; /,
  )
  for (const [type, id] of [
    ['cert', 'e1'],
    ['privkey', 'e1'],
    ['privkey', 'e2'],
  ] as const) {
    pkcs11Tool('--delete-object', '--type', type, '--id', id)
  }
})

t.test('a key without an id', async (t) => {
  faulty.plan('C_GetAttributeValue refuse CKA_ID CKR_ATTRIBUTE_TYPE_INVALID')
  const { exitCode, stderr } = await runCommand(faulty.environment, 'import-cert', leaf)
  t.equal(exitCode, 1)
  t.match(stderr, /^the private key has no CKA_ID/)
  faulty.plan()
})

t.test('a file that holds no certificate', async (t) => {
  for (const [name, message] of [
    ['garbage', /garbage cannot be used: it is neither PEM nor a DER certificate\n$/],
    ['none', /none cannot be used: ENOENT/],
  ] as const) {
    const { exitCode, stderr } = await runCommand(environment, 'import-cert', join(directory, name))
    t.equal(exitCode, 1)
    t.match(stderr, message)
  }
})

t.test(
  'a certificate that can be compared with no key, of which the PKCS#11 library knows nothing',
  async (t) => {
    const { certificate, keyFile } = issue(directory, { subject: '/CN=Signer', key: RSA_2048 })
    const { publicKey, raw } = certificate
    const pkcs1 = publicKey.export({ type: 'pkcs1', format: 'der' })
    // id-RSAES-OAEP (RFC 4055 4), with which nobody signs
    const oaep = encode(
      TAG.sequence,
      algorithm('1.2.840.113549.1.1.7', 'absent'),
      encode(TAG.bitString, Buffer.of(0), pkcs1),
    )
    const elements = elementsOf(elementsOf(raw)[0] as Buffer)
    const list = new DerReader(elements[7] as Buffer).enter(contextTag(3)).enter(TAG.sequence).elements()
    const doubled = encode(contextTag(3), encode(TAG.sequence, ...list, list[0] as Buffer))
    for (const [fields, message] of [
      [
        { [CERTIFICATE.key]: oaep },
        /file\.der cannot be used: the key of its certificate is of an unknown type\n$/,
      ],
      [{ 7: doubled }, /file\.der cannot be used: it has the extension [0-9.]+ twice\n$/],
    ] as const) {
      const file = join(directory, 'file.der')
      writeFileSync(file, resign(raw, keyFile, fields))
      for (const args of [
        ['import-cert', file],
        ['keys', '--label', 'signer', '--evidence', '00'.repeat(16), '--certificate', file],
      ] as [string, ...string[]][]) {
        const { exitCode, stderr } = await runCommand(environment, ...args)
        t.equal(exitCode, 1)
        t.match(stderr, message)
      }
    }
  },
)

t.test('a certificate gets id and label of its key', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand(environment, 'import-cert', leaf)
  t.same([exitCode, stderr], [0, ''])
  t.match(stdout, /^LABEL +ID +CERTIFICATE\nsigner +01 +imported\n$/)
  const file = join(directory, 'read.der')
  pkcs11Tool('--read-object', '--type', 'cert', '--id', '01', '--output-file', file)
  t.same(readFileSync(file), new X509Certificate(readFileSync(leaf)).raw)
  t.match(
    pkcs11Tool('--list-objects', '--type', 'cert'),
    /label: +signer\n +subject: +DN: O=Demo, CN=Test signer/,
  )
})

t.test('a second time nothing is imported', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand(environment, 'import-cert', leaf, '--json')
  t.same([exitCode, stderr], [0, ''])
  t.same(JSON.parse(stdout), { label: 'signer', id: '01', created: false, others: 0, used: true })
  const table = await runCommand(environment, 'import-cert', leaf)
  t.match(table.stdout, /\nsigner +01 +was there already\n$/)
})

t.test('a token that does not show its certificates', async (t) => {
  faulty.plan('C_GetAttributeValue refuse CKA_VALUE CKR_ATTRIBUTE_SENSITIVE')
  const { exitCode, stdout } = await runCommand(
    ...[faulty.environment, 'import-cert', second, '--label', 'unseen', '--json'],
  )
  faulty.plan()
  t.equal(exitCode, 0)
  t.match(JSON.parse(stdout), { created: true, used: false })
  const fingerprint = createHash('sha256')
    .update(new X509Certificate(readFileSync(second)).raw)
    .digest('hex')
  const deletion = ['delete-cert', '--fingerprint', fingerprint, '--confirm', 'unseen'] as const
  t.match(await runCommand(environment, ...deletion), { exitCode: 0 })
})

t.test('issuers that cannot be read', async (t) => {
  const none = { ...environment, CA_CERTIFICATES_FILE: join(directory, 'garbage') }
  for (const args of [['import-cert', leaf], ['certs']] as [string, ...string[]][]) {
    const { exitCode, stderr } = await runCommand(none, ...args)
    t.equal(exitCode, 0)
    t.match(stderr, /^CA_CERTIFICATES_FILE: .*garbage cannot be used: it is neither PEM nor a DER/)
    t.match(stderr, 'which certificate the service takes is told without it')
  }
})

t.test('a key without a label gives none', async (t) => {
  faulty.plan('C_GetAttributeValue refuse CKA_LABEL CKR_ATTRIBUTE_SENSITIVE')
  const { stdout } = await runCommand(faulty.environment, 'import-cert', leaf, '--json')
  t.match(JSON.parse(stdout), { label: '', created: false })
  faulty.plan()
})

t.test('the service finds it there', async (t) => {
  const { exitCode, stdout } = await runCommand(environment, 'keys', '--json')
  t.equal(exitCode, 0)
  t.match(JSON.parse(stdout), [{ certificateObject: true }])
})

t.test('a renewed one gets a label of its own, and that there are two is told', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand(
    ...[environment, 'import-cert', renewed, '--label', 'next', '--json'],
  )
  t.equal(exitCode, 0)
  t.match(JSON.parse(stdout), { label: 'next', id: '01', created: true, others: 1, used: Boolean })
  t.match(stderr, /^The token holds other certificates of this key: /)
  faulty.plan()
})
