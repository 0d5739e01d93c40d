/** Reads the variables about containers, which are those of the only signer, or the defaults of a signers file. */
import type { Environment } from '../../schemas/configuration.ts'
import { defined } from '../common/defined.ts'
import type { ContainerDefaults } from './container.ts'
import { describePath, describeSecretPath } from './given-path.ts'
import { splitList } from './lists.ts'
import type { SignersConfiguration } from './signer-configuration.ts'
import { placeInFile } from './signers-file-schema.ts'
import { type AuthorityContext, readAuthorities } from './timestamp-authorities.ts'
import type { GivenVariables } from './variables.ts'

/** Variables about the authorities that TSA_URL names. */
const AUTHORITY_VARIABLES = [
  ...['TSA_USER', 'TSA_PASSWORD', 'TSA_PASSWORD_FILE', 'TSA_POLICY', 'TSA_HASH_ALGORITHM', 'TSA_CA_FILE'],
  ...['TSA_TLS_CA_FILE', 'TSA_TLS_CERTIFICATE_FILE', 'TSA_TLS_KEY_FILE'],
]

/** Most bytes that Document Engine reserves for a container. */
const MAX_ESTIMATED_SIZE = 262_144

const SETTINGS = {
  url: 'TSA_URL',
  user: 'TSA_USER',
  passwordFile: 'TSA_PASSWORD_FILE',
  caFile: 'TSA_CA_FILE',
  tls: {
    caFile: 'TSA_TLS_CA_FILE',
    certificateFile: 'TSA_TLS_CERTIFICATE_FILE',
    keyFile: 'TSA_TLS_KEY_FILE',
  },
  credentials: 'TSA_USER and TSA_PASSWORD_FILE',
}

/** Reads the variables about containers. The result is complete if no problem was found. */
export function readContainerVariables(
  given: GivenVariables,
  values: Partial<Environment>,
  context: AuthorityContext,
): ContainerDefaults {
  const whole = values as Environment
  const authorities =
    given.TSA_URL === undefined
      ? undefined
      : readAuthorities(describeAuthorities(given, whole), SETTINGS, context)
  return {
    level: whole.LEVEL,
    sizeLimit: whole.CONTAINER_SIZE_LIMIT,
    rsaSignatureIdentifier: whole.RSA_SIGNATURE_IDENTIFIER,
    timestampFallback: whole.TSA_FALLBACK,
    revocationFallback: whole.REVOCATION_FALLBACK,
    revocationCheck: whole.REVOCATION_CHECK === 'on',
    hasCaFile: given.TSA_CA_FILE !== undefined,
    ...defined({ authorities }),
  }
}

function describeAuthorities(given: GivenVariables, values: Environment) {
  const tls = defined({
    caFile: describePath(values.TSA_TLS_CA_FILE),
    certificateFile: describePath(values.TSA_TLS_CERTIFICATE_FILE),
    keyFile: describeSecretPath(values.TSA_TLS_KEY_FILE),
  })
  return {
    urls: splitList(values.TSA_URL as string),
    hashAlgorithm: values.TSA_HASH_ALGORITHM,
    ...defined({
      // A user that is wrong is not reported as missing too
      user: given.TSA_USER,
      password: values.TSA_PASSWORD,
      passwordFile: describeSecretPath(values.TSA_PASSWORD_FILE),
      policy: values.TSA_POLICY,
      caFile: describePath(values.TSA_CA_FILE),
      tls: Object.keys(tls).length > 0 ? tls : undefined,
    }),
  }
}

/** Warns of variables that have no effect, or another one than a user might expect. */
export function warnAboutContainers(given: GivenVariables, { signers }: SignersConfiguration): string[] {
  const warnings = warnAboutSizes(given, signers)
  if (given.TSA_PASSWORD !== undefined) {
    warnings.push("TSA_PASSWORD: stays readable in the process's environment; TSA_PASSWORD_FILE does not")
  }
  if (given.TSA_URL === undefined) {
    const idle = AUTHORITY_VARIABLES.filter((name) => given[name] !== undefined)
    warnings.push(...idle.map((name) => `${name}: has no effect without TSA_URL`))
  } else if (signers.every(({ container }) => container.level === 'b-b')) {
    warnings.push('TSA_URL: nobody is asked for a timestamp: that takes LEVEL=b-t or LEVEL=b-lt')
  }
  return warnings
}

/** Warns of limits that are larger than the room that Document Engine can reserve. */
function warnAboutSizes(
  { CONTAINER_SIZE_LIMIT: variable }: GivenVariables,
  signers: SignersConfiguration['signers'],
): string[] {
  const tooLarge = signers.filter(({ container }) => container.sizeLimit > MAX_ESTIMATED_SIZE)
  const settings = tooLarge.map(({ name, container }) =>
    container.sizeLimit === Number(variable)
      ? 'CONTAINER_SIZE_LIMIT'
      : placeInFile(`/signers/${name}/containerSizeLimit`),
  )
  return [...new Set(settings)].map(
    (setting) =>
      `${setting}: is more than the ${MAX_ESTIMATED_SIZE} bytes that Document Engine's estimatedSize can be; larger ` +
      'containers fit into none of its documents',
  )
}
