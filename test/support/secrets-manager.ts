/** AWS Secrets Manager on this machine, as far as its API for one secret goes. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The content of the secret, in the words of the API; bytes are in base64. */
export interface StoredSecret {
  readonly SecretString?: string
  readonly SecretBinary?: string
  readonly VersionId: string
}

/** An error of the service. */
export interface ServiceFault {
  readonly fault: string
  readonly status: number
  /** The text of the error. */
  readonly message?: string
}

export interface SecretsManager {
  /** Variables by which a process finds it, and credentials for it. */
  readonly environment: Record<string, string>
  readonly url: string
  /** Its answer from now on; undefined for none at all. */
  answer: StoredSecret | ServiceFault | undefined
  /** Names of the secrets that were asked for, each with the region that the request was signed for. */
  readonly asked: string[]
  /** Goes away, as in an outage, until `listen`. */
  close(): Promise<void>
  /** Comes back at the same port. */
  listen(): Promise<void>
}

export const ACCESS_KEY = 'AKIDEXAMPLE4711'
export const SECRET_ACCESS_KEY = 'wJalrXUtnFEMI-not-for-any-log'
export const SESSION_TOKEN = 'session-token-not-for-any-log'
export const REGION = 'eu-central-1'
/** Name of the secret, and its ARN. */
export const SECRET_ID = 'signing/hsm-pin'
export const SECRET_ARN = `arn:aws:secretsmanager:${REGION}:123456789012:secret:${SECRET_ID}-AbCdEf`

/** Signature version 4, as the documentation of AWS has it. */
const AUTHORIZATION = new RegExp(
  `^AWS4-HMAC-SHA256 Credential=${ACCESS_KEY}/\\d{8}/([a-z0-9-]+)/secretsmanager/aws4_request, ` +
    'SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$',
)

/** Starts it; it ends with the test. */
export async function startSecretsManager(
  t: { teardown(act: () => unknown): void },
  answer?: SecretsManager['answer'],
): Promise<SecretsManager> {
  const server = createServer((request, response) => {
    respond(request, response).catch((error) => response.destroy(error))
  })
  const listen = (port: number) =>
    new Promise<number>((resolve) =>
      server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
    )
  const port = await listen(0)
  const url = `http://127.0.0.1:${port}`
  const manager: SecretsManager = {
    environment: {
      AWS_ENDPOINT_URL_SECRETS_MANAGER: url,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: SECRET_ACCESS_KEY,
      AWS_SESSION_TOKEN: SESSION_TOKEN,
    },
    url,
    answer,
    asked: [],
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
    listen: () => listen(port).then(() => {}),
  }
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) {
      chunks.push(chunk)
    }
    const { SecretId } = JSON.parse(Buffer.concat(chunks).toString())
    const { authorization = '', 'x-amz-target': target, 'content-type': type } = request.headers
    const [signed, region] = AUTHORIZATION.exec(authorization) ?? []
    manager.asked.push(`${region} ${SecretId}`)
    const right =
      signed !== undefined &&
      request.method === 'POST' &&
      target === 'secretsmanager.GetSecretValue' &&
      type === 'application/x-amz-json-1.1'
    const given = right ? manager.answer : { fault: 'IncompleteSignature', status: 400 }
    if (given === undefined) {
      return
    }
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': `${Math.random()}` }
    if ('fault' in given) {
      response.writeHead(given.status, headers)
      response.end(JSON.stringify({ __type: given.fault, Message: given.message ?? 'refused' }))
    } else {
      response.writeHead(200, headers)
      response.end(JSON.stringify({ ARN: SECRET_ARN, Name: SECRET_ID, ...given, CreatedDate: 1.7e9 }))
    }
  }
  t.teardown(() => manager.close())
  return manager
}

/** Returns a version of the secret with this text. */
export function version(name: string, text: string): StoredSecret {
  return { SecretString: text, VersionId: `00000000-0000-4000-8000-${name.padStart(12, '0')}` }
}
