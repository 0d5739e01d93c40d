import { type JsonAnswer, readCertificates, readHanded } from './answers.ts'
import type { Page } from './page.ts'
import type { SigningWay } from './signing-data.ts'

export interface CallbackOptions {
  readonly jwt: string
  /** Address of the service's callback for Document Engine. */
  readonly url: string
  readonly signingToken?: string
}

/**
 * A callback of a page, which asks the service by its callback for Document Engine, and hands what comes in JSON on to the
 * SDK: `{ pkcs7, ocspResponses }`, or `{ signedData, certificates, timestampResponse, ocspResponses }`.
 */
export function pageCallback(page: Page, { jwt, url, signingToken }: CallbackOptions): SigningWay {
  async function post(action: string, fields: object): Promise<JsonAnswer> {
    const headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      authorization: `Bearer ${jwt}`,
    }
    const body = JSON.stringify({ action, ...fields, signing_token: signingToken })
    const answer = await page.post(url, { headers, body })
    if (answer.status !== 200) {
      throw new Error(answer.body, { cause: answer })
    }
    return JSON.parse(answer.body) as JsonAnswer
  }

  return {
    /** The page passes them to the SDK as `signingData.certificates`. */
    async certificates() {
      return readCertificates(await post('get_certificates', {}))
    },
    async sign({ hash, dataToBeSigned, signingData }) {
      const { signatureContainer, signatureType = 'CAdES' } = signingData
      const signature = { hash_algorithm: 'sha256', signature_type: signatureType.toLowerCase() }
      const answer =
        signatureContainer === 'pkcs7'
          ? await post('sign_pkcs7', { digest: hash, ...signature })
          : await post('sign', { data_to_be_signed: dataToBeSigned.toString('base64'), ...signature })
      // The certificates come with the signature, too
      readCertificates(answer)
      return readHanded(answer)
    },
  }
}
