/** Implements `signing-service certify`, which makes a certificate for tests. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import type { RelativeDistinguishedNames } from 'pkijs'
import { encodePublicKey, fingerprint } from '../algorithms/public-key.ts'
import { encodePem } from '../asn1/pem.ts'
import { buildChain } from '../x509/chain.ts'
import { reviewCertificates } from '../x509/review/certificate-review.ts'
import { validityPeriod } from '../x509/validity.ts'
import { parseAddress } from './certify/address.ts'
import { readKeyFile } from './certify/key-file.ts'
import { type CertifyOptions, findMisuse, MAX_DAYS_OF_AUTHORITY } from './certify/usage.ts'
import { CommandFailed } from './exit-codes.ts'
import type { Io } from './io.ts'
import { type Authority, hasKey, parseAuthority } from './issuing/authority.ts'
import type { CertifyingKey } from './issuing/certifying-key.ts'
import { subjectAlternativeName } from './issuing/extensions.ts'
import { parseForeignRequest } from './issuing/foreign-request.ts'
import { type CertificateOrder, issueCertificate } from './issuing/issuing.ts'
import {
  alternativeNameOption,
  hashOption,
  idOption,
  keyUsageOption,
  labelOption,
  parsing,
  readHash,
  subjectOption,
} from './signing/options.ts'
import { refuseExisting, writeResult } from './signing/output.ts'
import { withTokenKey } from './signing/token-key.ts'
import { addTokenOptions, parseInteger } from './token-options.ts'
import { useFile } from './use-file.ts'

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

export function addCertifyCommand(program: Command, io: Io): void {
  addTokenOptions(program.command('certify'))
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
    .addOption(
      new Option('--days <days>', 'how long it is valid: up to 825, of an authority 3650')
        .default(DEFAULT_DAYS)
        .argParser((value) => parseInteger(value, 1, MAX_DAYS_OF_AUTHORITY)),
    )
    .addOption(keyUsageOption())
    .addOption(
      new Option('--ocsp <url>', 'where to ask about its revocation').argParser(parsing(parseAddress)),
    )
    .addOption(
      new Option('--crl <url>', 'where the list of revoked certificates is').argParser(parsing(parseAddress)),
    )
    .addOption(
      new Option('--ca-issuers <url>', 'where the certificate of the authority is').argParser(
        parsing(parseAddress),
      ),
    )
    .addOption(hashOption())
    .addOption(labelOption('key that signs'))
    .addOption(idOption())
    .option('--out <file>', 'write the certificate to a new file')
    .addHelpText('after', EXAMPLES)
    .action((request: string | undefined, options: CertifyOptions, command: Command) => {
      const misuse = findMisuse(request, options)
      return misuse === undefined ? certify(io, request, options) : command.error(`error: ${misuse}`)
    })
}

async function certify(io: Io, request: string | undefined, options: CertifyOptions): Promise<void> {
  refuseExisting(options.out)
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
      subject: options.subject as RelativeDistinguishedNames,
      publicKey: key.publicKey.export({ type: 'spki', format: 'der' }),
      alternativeNames: subjectAlternativeName(san),
    }
    return issueCertificate({ ...order, ...describe(options), ca }, key)
  })
}

/** Makes the certificate of a request, signed by the authority, as DER. */
async function issue(io: Io, file: string, options: CertifyOptions): Promise<Buffer> {
  const { caCert = '', caKey } = options
  const request = useFile(file, () => parseForeignRequest(readFileSync(file)))
  const authority = useFile(caCert, () => parseAuthority(readFileSync(caCert)))
  const sign = async (key: CertifyingKey) => {
    if (!hasKey(authority, key.publicKey)) {
      throw new CommandFailed(`${caCert} is not the certificate of the key that is to sign`)
    }
    return issueCertificate({ ...request, ...describe(options), ca: false }, key, authority)
  }
  const hash = readHash(options)
  const der = await (caKey === undefined
    ? withTokenKey(io, options, hash, sign)
    : sign(await readKeyFile(io, caKey, hash)))
  checkIssued(new X509Certificate(der), authority, caCert)
  reportShortenedValidity(io, new X509Certificate(der), authority)
  return der
}

function describe(options: CertifyOptions): Pick<CertificateOrder, 'days' | 'eku' | 'addresses' | 'hash'> {
  const { days, eku } = options
  return { days, eku, addresses: options, hash: readHash(options) }
}

/** Refuses to hand out a certificate that the service would refuse, for example because its issuer is no authority. */
function checkIssued(leaf: X509Certificate, { certificates }: Authority, file: string): void {
  const at = new Date()
  const chain = buildChain(leaf, certificates, at)
  const { problems } = reviewCertificates({ leaf, following: [], caCertificates: certificates, chain, at })
  if (problems.length > 0) {
    throw new CommandFailed(`${file}: ${problems.map(({ message }) => message).join('; ')}`)
  }
}

function reportShortenedValidity(io: Io, certificate: X509Certificate, { notAfter }: Authority): void {
  if (validityPeriod(certificate).notAfter.getTime() === notAfter.getTime()) {
    io.errors.write(`The certificate ends with that of the authority, at ${notAfter.toISOString()}\n`)
  }
}
