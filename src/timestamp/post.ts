/** Sends requests to authorities over HTTP (RFC 3161 3.4). */
import { defined } from '../common/defined.ts'
import { type HttpClient, HttpError, type HttpFailure, type HttpRequest } from '../common/http-client.ts'
import { readRegularFile } from '../common/read-file.ts'
import { readSecret } from '../common/secret.ts'
import type { TlsMaterial } from '../common/tls-contexts.ts'
import type { Credentials, TimestampAuthority, TlsFiles } from '../configuration/timestamp-authority.ts'
import { parseCertificates, parseOwnChain } from '../x509/certificate-file.ts'
import { TimestampError, type TimestampFailure } from './timestamp-error.ts'

/**
 * Bytes of an answer; real ones have 1 to 12 kB. Certificates in a token are not signed, so anybody on the way could
 * add so many that no container has room for the token.
 */
const ANSWER_LIMIT = 16_384
const QUERY = 'application/timestamp-query'
const REPLY = 'application/timestamp-reply'

const OUTCOMES: Readonly<Record<HttpFailure, TimestampFailure>> = {
  unreachable: 'unreachable',
  late: 'timeout',
  status: 'http_error',
  redirect: 'http_error',
  too_large: 'malformed',
  tls_files: 'misconfigured',
}

/**
 * Posts a request to an authority, with the password and the TLS files that are configured. It reads these anew, so
 * that changed files count.
 *
 * @param content DER TimeStampReq
 * @returns the body of the answer
 * @throws TimestampError when a file cannot be used, or there is no answer of the right type; the signal's reason when
 * it is aborted
 */
export async function post(
  client: Pick<HttpClient, 'send'>,
  authority: TimestampAuthority,
  content: Buffer,
  signal: AbortSignal,
): Promise<Buffer> {
  const { url } = authority
  const body = { type: QUERY, content }
  const secrets = await readSecrets(authority)
  const { headers, body: answer } = await client
    .send({ url, body, ...secrets, accept: REPLY, limit: ANSWER_LIMIT, signal })
    .catch((error) => {
      throw error instanceof HttpError ? toTimestampError(error) : error
    })
  const [type = ''] = `${headers['content-type'] ?? ''}`.split(';')
  if (type.trim().toLowerCase() !== REPLY) {
    throw new TimestampError(
      'http_error',
      `answered with another content type than ${REPLY}; check its address`,
    )
  }
  return answer
}

function toTimestampError({ failure, message, status }: HttpError): TimestampError {
  return new TimestampError(OUTCOMES[failure], `${message}${adviceFor(status)}`)
}

function adviceFor(status: number | undefined): string {
  if (status === 401 || status === 403) {
    return '; check its user and password, or its client certificate'
  }
  if (status === 407) {
    return '; check the user and password of the proxy'
  }
  return status === 404 || (status !== undefined && status >= 300 && status < 400)
    ? '; check its address'
    : ''
}

async function readSecrets({
  credentials,
  tls: files,
}: TimestampAuthority): Promise<Pick<HttpRequest, 'authorization' | 'tls'>> {
  // One file after another: where their file server hangs, each read keeps one of Node.js's few threads
  const authorization = credentials && (await authorize(credentials))
  const tls = files && (await readTls(files))
  return defined({ authorization, tls })
}

/** The contents of files for TLS, and what is made of them. */
interface ReadTls {
  readonly contents: readonly (Buffer | undefined)[]
  readonly material: TlsMaterial
}

/** Keeps the files that were read last. The HTTP client goes on with its connections when it gets the same object again. */
const lastRead = new WeakMap<TlsFiles, ReadTls>()

async function readTls(files: TlsFiles): Promise<TlsMaterial> {
  const contents = [
    files.caFile === undefined ? undefined : await read('CA file', files.caFile),
    files.certificateFile === undefined ? undefined : await read('certificate file', files.certificateFile),
    files.keyFile === undefined ? undefined : await read('key file', files.keyFile),
  ]
  const last = lastRead.get(files)
  if (last?.contents.every((one, index) => one === undefined || contents[index]?.equals(one))) {
    return last.material
  }
  const [ca, cert, key] = contents
  const material = defined({
    ca: ca && parse('CA file', ca, (content) => parseCertificates(content).map(String)),
    cert: cert && parse('certificate file', cert, parseOwnChain),
    key,
  })
  lastRead.set(files, { contents, material })
  return material
}

/** Parses certificates. OpenSSL alone would silently leave out those behind one that it cannot read. */
function parse<T>(what: string, content: Buffer, parseContent: (content: Buffer) => T): T {
  try {
    return parseContent(content)
  } catch (error) {
    throw new TimestampError('misconfigured', `has a ${what} that is wrong: ${(error as Error).message}`)
  }
}

async function read(what: string, path: string): Promise<Buffer> {
  try {
    return await readOnce(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === undefined ? message : `cannot be read (${code})`
    throw new TimestampError('misconfigured', `has a ${what} that ${why}`)
  }
}

/** Reads that are under way, keyed by path. */
const reading = new Map<string, Promise<Buffer>>()

/** Reads a file once for all that want it meanwhile. */
function readOnce(path: string): Promise<Buffer> {
  const known = reading.get(path)
  if (known !== undefined) {
    return known
  }
  const read = readRegularFile(path).finally(() => reading.delete(path))
  reading.set(path, read)
  return read
}

/** Builds the value of the Authorization header (RFC 7617 2). */
async function authorize(credentials: Credentials): Promise<string> {
  const password =
    'password' in credentials
      ? credentials.password.reveal()
      : readPassword(await read('password file', credentials.passwordFile))
  return `Basic ${Buffer.from(`${credentials.user}:${password}`).toString('base64')}`
}

function readPassword(content: Buffer): string {
  try {
    return readSecret(content)
  } catch (error) {
    throw new TimestampError('misconfigured', `has a password file that ${(error as Error).message}`)
  }
}
