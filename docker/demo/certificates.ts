import { execFile } from 'node:child_process'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Issued } from '../../test/support/certificates.ts'

const run = promisify(execFile)

/** Paths at the demo's own authorities. */
export const PATHS = { timestamps: '/tsa', ocsp: '/ocsp', rootCrl: '/root.crl' } as const

/** Paths of PEM files: the keys of the signers on the token, and the root that set-up.sh has made. */
export interface CertificateSources {
  readonly publicKeys: Readonly<Record<'rsa' | 'p256', string>>
  readonly root: Readonly<Record<'certificateFile' | 'keyFile', string>>
}

/** Certificates below one root, which say where the demo's authorities are. */
export interface DemoCertificates {
  readonly root: Issued
  /** Issues all of the following. */
  readonly issuing: Issued
  readonly timestamps: Issued
  readonly leaves: Readonly<Record<'rsa' | 'p256', Omit<Issued, 'keyFile'>>>
  /** Path of a PEM file: issuing authority, then root. */
  readonly bundle: string
}

/**
 * Makes certificates for the levels b-t and b-lt, or keeps those that are there, if they are of this month and for the
 * same keys: a validator asks the authorities at their addresses about them.
 *
 * @param folder exists, and is for authorities at this address alone
 * @param address of the authorities, such as `http://127.0.0.1:6082`
 */
export async function createCertificates(
  folder: string,
  address: string,
  { publicKeys, root }: CertificateSources,
): Promise<DemoCertificates> {
  const path = (name: string) => join(folder, name)
  const sources = [root.certificateFile, publicKeys.rsa, publicKeys.p256]
  const madeOf = [new Date().toISOString().slice(0, 7), address].concat(
    await Promise.all(sources.map((file) => readFile(file, 'utf8'))),
  )
  const stamp = path('made-of.json')
  const made = await readFile(stamp, 'utf8').catch(() => undefined)
  if (made !== JSON.stringify(madeOf)) {
    await issueAll(path, address, { publicKeys, root })
    await writeFile(stamp, JSON.stringify(madeOf))
  }
  const read = async (certificateFile: string) => {
    return { certificateFile, certificate: new X509Certificate(await readFile(certificateFile)) }
  }
  return {
    root: { ...(await read(root.certificateFile)), keyFile: root.keyFile },
    issuing: { ...(await read(path('issuing.pem'))), keyFile: path('issuing.key') },
    timestamps: { ...(await read(path('timestamps.pem'))), keyFile: path('timestamps.key') },
    leaves: { rsa: await read(path('rsa.pem')), p256: await read(path('p256.pem')) },
    bundle: path('bundle.pem'),
  }
}

const IDENTIFIERS = ['subjectKeyIdentifier = hash', 'authorityKeyIdentifier = keyid:always']
const END_ENTITY = ['basicConstraints = critical, CA:FALSE', ...IDENTIFIERS]

async function issueAll(
  path: (name: string) => string,
  address: string,
  { publicKeys, root }: CertificateSources,
): Promise<void> {
  const ocsp = `authorityInfoAccess = OCSP;URI:${address}${PATHS.ocsp}`
  const issuing = { certificateFile: path('issuing.pem'), keyFile: path('issuing.key') }
  await issue(issuing.certificateFile, {
    name: 'Demo issuing CA',
    publicKey: await newKey(issuing.keyFile),
    issuer: root,
    extensions: [
      'basicConstraints = critical, CA:TRUE, pathlen:0',
      'keyUsage = critical, keyCertSign, cRLSign',
      `crlDistributionPoints = URI:${address}${PATHS.rootCrl}`,
      ...IDENTIFIERS,
    ],
  })
  // id-kp-documentSigning, RFC 9336
  const forDocuments = 'extendedKeyUsage = 1.3.6.1.5.5.7.3.36, emailProtection'
  const signing = ['keyUsage = critical, digitalSignature, nonRepudiation', forDocuments]
  const timestamping = ['keyUsage = critical, digitalSignature', 'extendedKeyUsage = critical, timeStamping']
  const leaves = [
    ['rsa', 'Demo signer with RSA', publicKeys.rsa, signing],
    ['p256', 'Demo signer with P-256', publicKeys.p256, signing],
    ['timestamps', 'Demo timestamp authority', await newKey(path('timestamps.key')), timestamping],
  ] as const
  await Promise.all(
    leaves.map(([file, name, publicKey, purpose]) =>
      issue(path(`${file}.pem`), {
        name,
        publicKey,
        issuer: issuing,
        extensions: [...END_ENTITY, ...purpose, ocsp],
      }),
    ),
  )
  const chain = [issuing.certificateFile, root.certificateFile]
  const texts = await Promise.all(chain.map((file) => readFile(file, 'utf8')))
  await writeFile(path('bundle.pem'), texts.join(''))
}

/** Makes a P-256 key. Returns the path of its public half. */
async function newKey(file: string): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  await writeFile(`${file}.pub`, publicKey.export({ type: 'spki', format: 'pem' }))
  return `${file}.pub`
}

interface Certificate {
  readonly name: string
  /** Path of a PEM file. */
  readonly publicKey: string
  readonly issuer: CertificateSources['root']
  /** Lines of an openssl extension section. */
  readonly extensions: readonly string[]
}

/** Issues a certificate for a year, to a key whose private half need not be here. */
async function issue(file: string, { name, publicKey, issuer, extensions }: Certificate): Promise<void> {
  const work = await mkdtemp(`${file}.`)
  const path = (part: string) => join(work, part)
  try {
    await writeFile(path('extensions.cnf'), extensions.join('\n'))
    await run('openssl', [
      ...['x509', '-new', '-force_pubkey', publicKey, '-sha256', '-days', '365'],
      ...['-subj', `/O=Demo/CN=${name} - NOT FOR PRODUCTION`],
      ...['-CA', issuer.certificateFile, '-CAkey', issuer.keyFile],
      ...['-extfile', path('extensions.cnf'), '-out', path('certificate.pem')],
    ])
    await rename(path('certificate.pem'), file)
  } finally {
    await rm(work, { recursive: true })
  }
}
