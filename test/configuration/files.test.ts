/** Files that are there and may be read, and yet cannot be: every variable that names one says so. */
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { warnAboutMode } from '../../src/configuration/files.ts'
import { loadConfiguration } from '../../src/configuration/load.ts'
import { ConfigurationError } from '../../src/errors.ts'
import { issue } from '../support/certificates.ts'

const directory = t.testdir({ pin: 'any' })
const path = (name: string) => join(directory, name)
const { certificateFile, keyFile } = issue(directory, { subject: '/CN=Service' })

const base = { HSM_MODULE: process.execPath, HSM_PIN_FILE: path('pin') }
const tls = { TLS_CERT_FILE: certificateFile, TLS_KEY_FILE: keyFile }
const jwt = { ACCESS: 'jwt', ACCESS_JWT_ISSUER: 'issuer', ACCESS_JWT_AUDIENCE: 'audience' }
const timestamps = {
  ...{ LEVEL: 'b-t', TSA_URL: 'https://tsa.example.com', TSA_USER: 'user', TSA_PASSWORD_FILE: path('pin') },
  ...{ TSA_TLS_CERTIFICATE_FILE: certificateFile, TSA_TLS_KEY_FILE: keyFile },
}
/** Other variables that each variable with a file takes beside it. */
const BESIDE: Readonly<Record<string, Record<string, string>>> = {
  SIGNERS_FILE: {},
  SIGNER_CERTIFICATE_FILE: {},
  CA_CERTIFICATES_FILE: {},
  ACCESS_FILE: { ACCESS: 'tokens' },
  ACCESS_JWT_KEYS: jwt,
  ACCESS_JWT_SECRET_FILE: jwt,
  TLS_CERT_FILE: tls,
  TLS_KEY_FILE: tls,
  TLS_CLIENT_CA_FILE: tls,
  TSA_CA_FILE: timestamps,
  TSA_PASSWORD_FILE: timestamps,
  TSA_TLS_CA_FILE: timestamps,
  TSA_TLS_CERTIFICATE_FILE: timestamps,
  TSA_TLS_KEY_FILE: timestamps,
}

/** The problems that a start would end with. */
function problemsOf(environment: Record<string, string>): string[] {
  try {
    loadConfiguration({ ...base, ...environment })
    return []
  } catch (error) {
    if (!(error instanceof ConfigurationError)) {
      throw error
    }
    return error.problems.map(({ variable, message }) => `${variable}: ${message}`)
  }
}

for (const [what, file, wrong] of [
  // Linux lets a process open its memory, and has no page at its beginning, as a disk has none that is away
  ['a file whose disk fails', '/proc/self/mem', /cannot be read \(EIO\)/],
  ['a file that is larger than any string', path('large'), /is larger than \d+ bytes/],
  ['a file that is larger than any buffer', path('huge'), /is larger than \d+ bytes/],
] as const) {
  t.test(what, { skip: process.platform !== 'linux' && file.startsWith('/proc') }, async (t) => {
    writeFileSync(path('large'), '')
    truncateSync(path('large'), 700_000_000)
    writeFileSync(path('huge'), '')
    truncateSync(path('huge'), 2 ** 40)
    for (const [variable, beside] of Object.entries(BESIDE)) {
      const problems = problemsOf({ ...beside, [variable]: file })
      t.match(problems, [new RegExp(`^${variable}: ${file} ${wrong.source}`)], variable)
    }
  })
}

t.test('a file that is taken away while its permissions are read is not warned about', (t) => {
  const warnings: string[] = []
  warnAboutMode({ setting: 'HSM_PIN_FILE', path: path('gone'), shown: undefined }, warnings)
  t.strictSame(warnings, [])
  t.end()
})
