/**
 * Reads a PIN from AWS Secrets Manager, with the region, the credentials and the endpoint that the AWS SDK finds by itself.
 * This file alone loads the SDK.
 */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { defined } from '../../common/defined.ts'
import { ProxyAgent } from '../../common/proxy-agent.ts'
import { withTimeout } from '../../common/with-timeout.ts'
import { parsePin } from '../../configuration/parse-pin.ts'
import { proxiesOfEnvironment } from '../../configuration/proxies.ts'
import { PIN_TIMEOUT_MS } from '../messages.ts'
import type { Pin } from '../pin-version.ts'
import { misconfigured, type OpenError, unavailable } from './open-error.ts'

/**
 * Reads the PIN from the current version of a secret.
 *
 * @param secretId name or ARN
 * @throws OpenError that says that it may work later, since permissions and networks come late; or `configuration` if the
 *   secret is not clearly one PIN
 */
export async function readPinOfSecret(secretId: string, signal?: AbortSignal): Promise<Pin> {
  const { ARN, VersionId, SecretString, SecretBinary } = await fetchSecret(secretId, signal)
  const secret: unknown = SecretString ?? SecretBinary
  if (typeof secret !== 'string' && !(secret instanceof Uint8Array)) {
    throw unavailable(
      `the secret ${secretId} cannot be read from AWS Secrets Manager: the answer has no secret; look whether AWS_ENDPOINT_URL or a ` +
        'proxy leads elsewhere',
      'the PIN cannot be read from AWS Secrets Manager (no secret)',
    )
  }
  try {
    return { pin: parsePin(secret), version: `${ARN} ${VersionId}` }
  } catch (error) {
    throw misconfigured('pin', `the secret ${secretId} ${(error as Error).message}`, 'the PIN cannot be read')
  }
}

async function fetchSecret(secretId: string, signal: AbortSignal | undefined) {
  const client = new SecretsManagerClient({
    ...defined({ region: /^arn:[^:]+:[^:]+:([^:]+):/.exec(secretId)?.[1] }),
    requestHandler: { httpsAgent: new ProxyAgent(proxiesOfEnvironment()) },
  })
  const command = new GetSecretValueCommand({ SecretId: secretId })
  // The signal ends requests to Secrets Manager, but not the search for credentials
  const sent = withTimeout(PIN_TIMEOUT_MS, new TimeoutError(), signal, (abortSignal) =>
    client.send(command, { abortSignal }),
  )
  return sent
    .catch((error: Fault) => {
      throw describeFault(secretId, error)
    })
    .finally(() => client.destroy())
}

class TimeoutError extends Error {
  override readonly name = 'TimeoutError'
}

type Fault = Error & { readonly code?: string; readonly $metadata?: { readonly httpStatusCode?: number } }

/** Advice about errors of Secrets Manager and of the SDK, keyed by their name, or by the code of a system error. */
const ADVICE: Readonly<Record<string, string>> = {
  AccessDeniedException:
    'allow secretsmanager:GetSecretValue for the secret, and kms:Decrypt where a key of your own encrypts it',
  CredentialsProviderError:
    'there are no credentials: give the task, the pod or the instance a role, or set AWS_ACCESS_KEY_ID and ' +
    'AWS_SECRET_ACCESS_KEY',
  'Region is missing': 'set AWS_REGION, or name the secret by its ARN',
  ResourceNotFoundException:
    'no secret of this name is in the account and the region, or it has no current version',
  TimeoutError: `it did not answer within ${PIN_TIMEOUT_MS / 1000} seconds`,
}

/** Matches names of errors, and short messages of the SDK and the proxy agent. */
const PLAIN = /^[\w :]{1,64}$/

/**
 * Names the error and what to do about it. Its message is left out, since that about a wrong signature quotes the headers
 * of the request, and with them the session token.
 */
function describeFault(secretId: string, { name, code, message, $metadata = {} }: Fault): OpenError {
  const word = code ?? (name === 'Error' ? message : name)
  const kind = PLAIN.test(word) ? word : 'Error'
  const status = $metadata.httpStatusCode === undefined ? '' : ` (HTTP ${$metadata.httpStatusCode})`
  const advice = ADVICE[kind] === undefined ? '' : `: ${ADVICE[kind]}`
  return unavailable(
    `the secret ${secretId} cannot be read from AWS Secrets Manager: ${kind}${status}${advice}`,
    `the PIN cannot be read from AWS Secrets Manager (${kind})`,
  )
}
