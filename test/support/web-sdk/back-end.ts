import { type JsonAnswer, readCertificates, readHanded } from './answers.ts'
import type { Page } from './page.ts'
import { type SigningWay, WebSdkError } from './signing-data.ts'

/** The second argument of `signDocument` where there is no callback. */
export interface BackEndOptions {
  readonly jwt: string
  /** The address of the service, which is by default the claim `server_url` of the token. */
  readonly serverUrl?: string
  readonly signingToken?: string
  /** Whether a bare signature without a timestamp is taken, at which the SDK throws; false by default. */
  readonly takesBareSignature?: boolean
}

/** The calls that the SDK makes to a back end by itself, in its order and with its headers and bodies. */
export function backEnd(page: Page, options: BackEndOptions): SigningWay {
  const { jwt, signingToken, takesBareSignature = false } = options
  const claims = decodeClaims(jwt)
  const { server_url, api_base_path = '/api/' } = claims
  const base = `${options.serverUrl ?? server_url}${api_base_path}`

  async function post(call: string, fields: object, failed: string): Promise<JsonAnswer> {
    const url = `${base}${call}`
    const headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      authorization: `Bearer ${jwt}`,
    }
    const { status, body } = await page
      .post(url, { headers, body: JSON.stringify(fields) })
      .catch((cause) => {
        throw new WebSdkError(`${failed}: ${cause.message} from ${url}`, { cause })
      })
    if (status !== 200) {
      // The page is not told the text of a refusal of certificates
      const told = call === 'get_certificates' ? String(JSON.parse(body)) : body
      throw new WebSdkError(`${failed}: ${told}`, { cause: { status, body } })
    }
    return (JSON.parse(body) as { data: JsonAnswer }).data
  }

  return {
    async certificates() {
      const failed = 'The signing service failed to retrieve certificates'
      return readCertificates(await post('get_certificates', { signingToken }, failed))
    },
    async sign({ hash, dataToBeSigned, signingData }) {
      const { signatureType = 'CAdES', padesLevel = 'b-lt', signatureContainer } = signingData
      const fields = {
        dataToBeSigned: dataToBeSigned.toString('base64'),
        ...{ hash, signatureType, signingToken, cadesLevel: padesLevel },
      }
      const answer = await post('sign_hash', fields, 'The signing service failed to sign')
      const needed =
        signatureContainer === 'pkcs7'
          ? [answer.pkcs7]
          : [answer.signedData, takesBareSignature || answer.timestampResponse]
      if (needed.includes(undefined) || needed.includes('')) {
        throw new TypeError("Cannot read properties of undefined (reading 'replace')")
      }
      return readHanded(answer)
    },
  }
}

interface Claims {
  readonly server_url?: string
  readonly api_base_path?: string
}

/** Decodes the claims of a JSON Web Token, and verifies nothing. */
function decodeClaims(jwt: string): Claims {
  const [, payload = '', signature] = jwt.split('.')
  if (signature === undefined) {
    throw new WebSdkError('Invalid auth token: Invalid JWT token format')
  }
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claims
}
