/** Implements `signing-service certify`, which makes a certificate for tests. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { GeneralName, RelativeDistinguishedNames } from 'pkijs'
import { encodePublicKey, fingerprint } from '../algorithms/public-key.ts'
import { encodePem } from '../asn1/pem.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { reviewSigner } from '../x509/review/certificate-review.ts'
import { validityPeriod } from '../x509/validity.ts'
import { readKeyFile } from './certify-key-file.ts'
import { CommandFailed, checkNewFile, type Io, useFile, writeResult } from './io.ts'
import { type Authority, hasKey, parseAuthority } from './issuing/authority.ts'
import { type Addresses, type ExtendedKeyUsage, subjectAlternativeName } from './issuing/extensions.ts'
import { parseForeignRequest } from './issuing/foreign-request.ts'
import { type CertifyingKey, issueCertificate } from './issuing/issuing.ts'
import {
  addKeyOptions,
  addTokenOptions,
  alternativeNameOption,
  type KeyOptions,
  keyUsageOption,
  parseInteger,
  readHash,
  subjectOption,
} from './options.ts'
import { withTokenKey } from './with-key.ts'

const TEST_NOTICE =
  'This certificate is for tests: nobody has checked who asked for it, and no record is kept to revoke it by'

const EXAMPLES = `
For tests: unlike a certificate authority, it does not check who asks, keeps no record and revokes nothing.

With --self-signed, the key on the token certifies itself for --subject: as a signer or, with --ca, as an authority.
Otherwise the authority whose certificate is --ca-cert certifies REQUEST, which "csr" makes. The key of the authority is
on the token (--label and --id) or in a file (--ca-key), for which no token is needed. That file is a secret, which only
its owner may read; if it is encrypted, a person is asked for the passphrase. The certificate takes the subject, the
alternative names and the key from REQUEST, once its signature has been verified, and nothing else.

A certificate does not outlive that of the authority. Without --ocsp and --crl nobody can ask whether it was revoked.

Examples:
  signing-service certify --self-signed --label signer --subject CN=Signer --out signer.pem
  signing-service certify --self-signed --ca --label ca --subject 'CN=Test CA' --days 365 --out ca.pem
  signing-service certify signer.csr --ca-cert ca.pem --label ca --out signer.pem
  signing-service certify signer.csr --ca-cert ca.pem --ca-key ca.key --crl http://ca.example.com/test.crl
`

const DEFAULT_DAYS = 90
/** Longest validity, in days. The CA/Browser Forum allowed it for years, so that validators accept it. */
const MAX_DAYS = 825
const MAX_DAYS_OF_AUTHORITY = 3650

interface CertifyOptions extends KeyOptions, Addresses {
  readonly selfSigned?: boolean
  readonly subject?: RelativeDistinguishedNames
  readonly san?: GeneralName[]
  readonly ca?: boolean
  readonly caCert?: string
  readonly caKey?: string
  readonly days: number
  readonly eku: ExtendedKeyUsage
  readonly hash: string
  readonly out?: string
}

export function addCertifyCommand(program: Command, io: Io): void {
  const command = addTokenOptions(program.command('certify'))
    .description('make a certificate for tests')
    .argument('[request]', 'certificate request (PKCS#10), PEM or DER')
    .addOption(
      new Option('--self-signed', 'have the key on the token certify itself').conflicts(['caCert', 'caKey']),
    )
    .addOption(subjectOption('subject of what is self-signed'))
    .addOption(alternativeNameOption('its subject alternative name'))
    .addOption(new Option('--ca', 'make it a certificate authority').conflicts('eku'))
    .option('--ca-cert <file>', 'certificate of the authority, PEM or DER; its issuers may follow')
    .addOption(
      new Option(
        '--ca-key <file>',
        'key of the authority, PEM: a secret, in place of one on the token',
      ).conflicts(['label', 'id']),
    )
    .option(
      '--days <days>',
      'how long it is valid: up to 825, of an authority 3650',
      (value) => parseInteger(value, 1, MAX_DAYS_OF_AUTHORITY),
      DEFAULT_DAYS,
    )
    .addOption(keyUsageOption())
    .option('--ocsp <url>', 'where to ask about its revocation', parseAddress)
    .option('--crl <url>', 'where the list of revoked certificates is', parseAddress)
    .option('--ca-issuers <url>', 'where the certificate of the authority is', parseAddress)
  addKeyOptions(command, 'key that signs')
    .option('--out <file>', 'write the certificate to a new file')
    .addHelpText('after', EXAMPLES)
    .action((request: string | undefined, options: CertifyOptions, command: Command) => {
      const misuse = findMisuse(request, options)
      return misuse === undefined ? certify(io, request, options) : command.error(`error: ${misuse}`)
    })
}

/** Parses an http or https address. */
function parseAddress(text: string): string {
  if (!/^https?:\/\/[\x21-\x7e]+$/i.test(text) || !URL.canParse(text)) {
    throw new InvalidArgumentError('it must be an address such as http://ca.example.com/test.crl.')
  }
  return text
}

/** Returns which arguments do not go together, in words; undefined if all do. */
function findMisuse(
  request: string | undefined,
  { selfSigned = false, subject, san, ca = false, caCert, days }: CertifyOptions,
): string | undefined {
  if (days > MAX_DAYS && !ca) {
    return `--days is up to ${MAX_DAYS} for the certificate of a signer`
  }
  if (!selfSigned && (subject !== undefined || san !== undefined || ca)) {
    return '--subject, --san and --ca are for --self-signed: a request has a subject and names of its own'
  }
  if (selfSigned && request !== undefined) {
    return '--self-signed certifies a key on the token, not a request'
  }
  const complete = selfSigned ? subject !== undefined : request !== undefined && caCert !== undefined
  return complete ? undefined : 'needed is a request with --ca-cert, or --self-signed with --subject'
}

async function certify(io: Io, request: string | undefined, options: CertifyOptions): Promise<void> {
  checkNewFile(options.out)
  const certificate = new X509Certificate(
    request === undefined ? await selfSign(io, options) : await issue(io, request, options),
  )
  io.errors.write(`${TEST_NOTICE}\n`)
  const pem = encodePem('CERTIFICATE', certificate.raw)
  writeResult(io, options, pem, {
    certificate: pem,
    serial: certificate.serialNumber,
    notAfter: validityPeriod(certificate).notAfter.toISOString(),
    fingerprint: fingerprint(encodePublicKey(certificate.publicKey)),
  })
}

/** Makes a self-signed certificate, as DER. */
function selfSign(io: Io, options: CertifyOptions): Promise<Buffer> {
  const { san = [], ca = false } = options
  return withTokenKey(io, options, readHash(options), (key) => {
    const order = {
      ...options,
      subject: options.subject as RelativeDistinguishedNames,
      publicKey: key.publicKey.export({ type: 'spki', format: 'der' }),
      alternativeNames: subjectAlternativeName(san),
      ca,
    }
    return issueCertificate(order, key)
  })
}

/** Makes the certificate of a request, signed by the authority, as DER. */
async function issue(io: Io, file: string, options: CertifyOptions): Promise<Buffer> {
  const { caCert = '', caKey } = options
  const request = useFile(file, 'used', () => parseForeignRequest(readFileSync(file)))
  const authority = useFile(caCert, 'used', () => parseAuthority(readFileSync(caCert)))
  const sign = async (key: CertifyingKey) => {
    if (!hasKey(authority, key.publicKey)) {
      throw new CommandFailed(`${caCert} is not the certificate of the key that is to sign`)
    }
    return issueCertificate({ ...options, ...request, ca: false }, key, authority)
  }
  const hash = readHash(options)
  const der = await (caKey === undefined
    ? withTokenKey(io, options, hash, sign)
    : sign(await readKeyFile(io, caKey, hash)))
  const certificate = useFile(file, 'used', () => readIssued(der))
  checkIssued(certificate, authority, caCert)
  const { notAfter } = authority
  if (validityPeriod(certificate).notAfter.getTime() === notAfter.getTime()) {
    io.errors.write(`The certificate ends with that of the authority, at ${notAfter.toISOString()}\n`)
  }
  return der
}

/** @throws Error when it has taken something over that nobody reads, such as a name of another type of string */
function readIssued(der: Buffer): X509Certificate {
  try {
    return readCertificate(der)
  } catch {
    throw new Error(
      'a name or key in it is not encoded as RFC 5280 says, so that nobody could read the certificate',
    )
  }
}

/** Refuses to hand out a certificate that the service would refuse, for example because its issuer is no authority. */
function checkIssued(leaf: X509Certificate, { certificates }: Authority, file: string): void {
  const { problems } = reviewSigner({ leaf, following: [], caCertificates: certificates })
  if (problems.length > 0) {
    throw new CommandFailed(`${file}: ${problems.map(({ message }) => message).join('; ')}`)
  }
}
