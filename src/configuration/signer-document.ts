/**
 * The settings of one signer in the shape of an entry of the signers file, whoever gives them: variables, an entry, the
 * `pkcs11:` URI of its key, or all of them.
 */
import type { Environment } from '../../schemas/configuration.ts'
import type { SignerEntry, Timestamps } from '../../schemas/signers-file.ts'
import { defined } from '../common/defined.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { describeSecretFile, type Place } from './files.ts'
import { splitVariable } from './lists.ts'
import { parsePkcs11Uri } from './pkcs11-uri.ts'
import { problemWith } from './problem.ts'
import type { KeySelector, TokenSelector } from './signer-configuration.ts'
import { placeInFile } from './signers-file-schema.ts'

interface TokenSettings extends TokenSelector {
  readonly module?: string
  readonly moduleParameters?: string
  /** Value of HSM_PIN, which must be shown nowhere. */
  readonly pin?: string
  readonly pinFile?: string
  readonly pinSecretId?: string
}

/** Settings of one timestamp authority, or of all that TSA_URL names. */
export interface TimestampSettings extends Omit<Timestamps, 'url'> {
  /** Absent if TSA_URL is not set. */
  readonly url?: string | readonly string[]
  /** Value of TSA_PASSWORD, which must be shown nowhere. */
  readonly password?: string
}

export interface SignerSettings extends Omit<SignerEntry, 'key' | 'token' | 'timestamps'> {
  readonly key: KeySelector
  readonly token: TokenSettings
  readonly timestamps: TimestampSettings | readonly TimestampSettings[]
}

export interface SignerDocument {
  readonly name: string
  readonly settings: SignerSettings
  /** True if all settings are valid. Otherwise one may only seem to be missing. */
  readonly isValid: boolean
  /** Returns where a setting is given, or would be, by its path in the entry, such as `token/label`. */
  readonly placeOf: (path: string) => Place
}

/** Name of the signer that variables describe, in metrics. */
const NAME = 'default'

/** The document of the signer that variables describe, with their names in place of the values. */
const VARIABLES = {
  key: { label: 'HSM_KEY_LABEL', id: 'HSM_KEY_ID' },
  token: {
    module: 'HSM_MODULE',
    moduleParameters: 'HSM_MODULE_PARAMETERS',
    label: 'HSM_TOKEN_LABEL',
    serial: 'HSM_TOKEN_SERIAL',
    slot: 'HSM_SLOT',
    pin: 'HSM_PIN',
    pinFile: 'HSM_PIN_FILE',
    pinSecretId: 'HSM_PIN_SECRET_ID',
  },
  certificateFile: 'SIGNER_CERTIFICATE_FILE',
  caFile: 'CA_CERTIFICATES_FILE',
  hashAlgorithms: 'HASH_ALGORITHMS',
  rawSigning: 'RAW_SIGNING',
  level: 'LEVEL',
  timestamps: {
    url: 'TSA_URL',
    user: 'TSA_USER',
    password: 'TSA_PASSWORD',
    passwordFile: 'TSA_PASSWORD_FILE',
    policy: 'TSA_POLICY',
    hashAlgorithm: 'TSA_HASH_ALGORITHM',
    caFile: 'TSA_CA_FILE',
    tls: {
      caFile: 'TSA_TLS_CA_FILE',
      certificateFile: 'TSA_TLS_CERTIFICATE_FILE',
      keyFile: 'TSA_TLS_KEY_FILE',
    },
  },
  timestampFallback: 'TSA_FALLBACK',
  revocationFallback: 'REVOCATION_FALLBACK',
  containerSizeLimit: 'CONTAINER_SIZE_LIMIT',
  rsaSignatureIdentifier: 'RSA_SIGNATURE_IDENTIFIER',
}

/** Returns the document that variables give. It is that of the only signer, or the defaults of a signers file. */
export function fromVariables(
  values: Partial<Environment>,
  problems: ConfigurationProblem[],
): SignerDocument {
  const { TSA_URL: urls, HASH_ALGORITHMS: hashes, HSM_KEY_LABEL: label, HSM_KEY_ID: id } = values
  const settings = fill(VARIABLES, values) as SignerSettings
  const ofKey = label === undefined && id !== undefined ? 'HSM_KEY_ID' : 'HSM_KEY_LABEL'
  return {
    name: NAME,
    settings: {
      ...settings,
      ...(hashes !== undefined && { hashAlgorithms: splitVariable('HASH_ALGORITHMS', hashes, problems) }),
      timestamps: {
        ...settings.timestamps,
        ...(urls !== undefined && { url: splitVariable('TSA_URL', urls, problems) }),
      },
    },
    isValid: true,
    placeOf: (path) => ({ setting: path === 'key' ? ofKey : findVariable(path), folder: '' }),
  }
}

type Names = { readonly [property: string]: string | Names }

/** Variables about the authorities that TSA_URL names. */
export const AUTHORITY_VARIABLES: readonly string[] = listNames(VARIABLES.timestamps).filter(
  (name) => name !== VARIABLES.timestamps.url,
)

function listNames(names: Names): string[] {
  return Object.values(names).flatMap((name) => (typeof name === 'string' ? name : listNames(name)))
}

/** Returns a copy with the values of the variables in place of their names, without those that are not set. */
function fill(names: Names, values: Readonly<Record<string, unknown>>): object {
  const entries = Object.entries(names).map(([property, name]) => [
    property,
    typeof name === 'string' ? values[name] : fill(name, values),
  ])
  return defined(Object.fromEntries(entries))
}

/** Returns the name of a variable; what only a signers file can give has the path in its place. */
function findVariable(path: string): string {
  const name = path.split('/').reduce((names, property) => Reflect.get(names, property), VARIABLES)
  return typeof name === 'string' ? name : path
}

/** An entry of the signers file, without properties that the schema does not allow. */
export interface FileEntry extends SignerEntry {
  readonly name: string
  /** True if the schema allows all properties. */
  readonly isValid: boolean
}

/**
 * Returns the document of an entry. Its URI adds to its token, and the environment provides what it leaves out.
 *
 * @param folder folder of the file, in which relative paths start
 */
export function fromEntry(
  { name, isValid, ...entry }: FileEntry,
  folder: string,
  environment: SignerDocument,
  problems: ConfigurationProblem[],
): SignerDocument {
  const own = (path: string): Place => ({ setting: placeInFile(`/signers/${name}/${path}`), folder })
  const uri = readUri(entry, own('key').setting, problems)
  const ofUri: TokenSettings = { ...uri?.token, ...defined({ module: uri?.module, pinFile: uri?.pinFile }) }
  problems.push(...findDuplicates(entry.token, ofUri, own))
  const token = { ...ofUri, ...entry.token }
  const inherited = listInherited(token)
  const fromEnvironment = Object.entries(environment.settings.token).filter(([part]) =>
    inherited.includes(part),
  )
  return {
    name,
    settings: {
      ...environment.settings,
      ...entry,
      key: typeof entry.key === 'object' ? entry.key : { ...uri?.key },
      token: { ...Object.fromEntries(fromEnvironment), ...token },
      timestamps: entry.timestamps ?? environment.settings.timestamps,
    },
    isValid: isValid && uri !== undefined,
    placeOf(path) {
      const [property = '', part = ''] = path.split('/')
      if (property === 'token') {
        const isOfUri = part in ofUri && !(part in { ...entry.token })
        return inherited.includes(part) ? environment.placeOf(path) : own(isOfUri ? 'key' : path)
      }
      // The environment has no key for the signers of a file
      return property in environment.settings && !(property in entry) && property !== 'key'
        ? environment.placeOf(path)
        : own(path)
    },
  }
}

/** Lists the parts of a token that the environment provides, if it has them. */
function listInherited(token: TokenSettings): string[] {
  const { module, moduleParameters: _, pinFile, pinSecretId, ...selector } = token
  const isOwn = module !== undefined || Object.keys(selector).length > 0
  return [
    ...(module === undefined ? ['module', 'moduleParameters'] : []),
    ...(isOwn ? [] : ['label', 'serial', 'slot']),
    ...(pinFile === undefined && pinSecretId === undefined ? ['pin', 'pinFile', 'pinSecretId'] : []),
  ]
}

/** Reads the URI of the key. Returns an empty one if the key is given otherwise, and undefined if it is wrong. */
function readUri({ key }: SignerEntry, setting: string, problems: ConfigurationProblem[]) {
  try {
    return parsePkcs11Uri(typeof key === 'string' ? key : 'pkcs11:')
  } catch (error) {
    problems.push(problemWith(setting, (error as Error).message))
    return undefined
  }
}

/** Attributes of a URI that a token can have, too. */
const ATTRIBUTES = { module: 'module-path', label: 'token', serial: 'serial', pinFile: 'pin-source' } as const

/** Refuses properties that stand both in the URI and in the token, even if they are equal. */
function findDuplicates(
  token: TokenSettings = {},
  ofUri: TokenSettings,
  own: SignerDocument['placeOf'],
): ConfigurationProblem[] {
  return Object.entries(ATTRIBUTES)
    .map(([property, attribute]) => ({ property: property as keyof typeof ATTRIBUTES, attribute }))
    .filter(({ property }) => ofUri[property] !== undefined && token[property] !== undefined)
    .map(({ property, attribute }) => {
      const place = own(`token/${property}`)
      const shown = property === 'pinFile' ? describeSecretFile(place, token.pinFile)?.shown : token[property]
      const message = `is given in the URI of the key too, as ${attribute}; leave it out of one of the two`
      return problemWith(place.setting, message, shown)
    })
}
