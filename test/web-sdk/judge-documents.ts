/** PDFs that pages of another origin have signed, by both addresses and at each level, as OpenSSL, pdfsig and NSS see them. */
import { join } from 'node:path'
import type { Test } from 'tap'
import { SIGNATURE_TIMESTAMP, signatureOf, unsignedValue } from '../support/container-parts.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { readSignedData } from '../support/document-engine/signed-data.ts'
import { timestampTokenOf } from '../support/document-engine/timestamp-response.ts'
import { cmsutil, makeNssDatabase } from '../support/validators/nss.ts'
import { verifyCms, verifyTimestamp } from '../support/validators/openssl.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { type KeyName, LEVELS, startWebSdkMaterial } from '../support/web-sdk/material.ts'
import { StandInPage } from '../support/web-sdk/page.ts'
import { type SignedDocument, signDocument } from '../support/web-sdk/sign-document.ts'
import { SIGNATURE_TYPES, type SigningData } from '../support/web-sdk/signing-data.ts'

type Level = (typeof LEVELS)[number]

const KEYS = ['rsa', 'pss', 'p-256'] as const

/** The SDK knows no raw signatures but those of PKCS#1 v1.5 and ECDSA. */
const FORMS = KEYS.flatMap((key) =>
  (['raw', 'pkcs7'] as const)
    .filter((form) => form === 'pkcs7' || key !== 'pss')
    .map((form) => ({ key, form })),
)

interface Case {
  readonly address: 'back end' | 'callback'
  readonly key: KeyName
  readonly signingData: SigningData & Required<Pick<SigningData, 'signatureType' | 'padesLevel'>>
}

const CASES = (['back end', 'callback'] as const).flatMap((address) =>
  FORMS.flatMap(({ key, form }) =>
    SIGNATURE_TYPES.flatMap((signatureType) =>
      LEVELS.map((padesLevel): Case => {
        const signingData = {
          signatureContainer: form,
          signatureType,
          padesLevel,
          ltv: padesLevel === 'b-lt',
        }
        return { address, key, signingData }
      }),
    ),
  ),
)

/** Has pages sign at these levels, in each way. */
export async function judgeDocuments(t: Test, levels: readonly Level[]): Promise<void> {
  const directory = t.testdir()
  const material = await startWebSdkMaterial(t, join(directory, 'material'), { keys: KEYS })
  const { anchors, timestampAnchors, origin } = material
  const database = await makeNssDatabase(join(directory, 'nss'), [anchors])
  const original = await samplePdf()

  function sign(page: StandInPage, { address, key, signingData }: Case): Promise<SignedDocument> {
    const { padesLevel } = signingData
    const way =
      address === 'back end'
        ? material.backEnd(page, key, { takesBareSignature: padesLevel === 'b-b' })
        : material.callback(page, key, padesLevel)
    return signDocument(original, { signingData, keepsToken: true, writesCrls: true }, way)
  }

  for (const one of CASES.filter(({ signingData }) => levels.includes(signingData.padesLevel))) {
    const { address, key, signingData } = one
    const { signatureContainer, signatureType, padesLevel } = signingData
    await t.test(`${address}: ${signatureContainer} ${signatureType} ${padesLevel} ${key}`, async (t) => {
      const page = new StandInPage(origin)
      const { pdf, container, content, handed } = await sign(page, one)
      t.same(
        page.exchanges.map(({ method, answer }) => [method, answer.statusCode]),
        address === 'back end'
          ? ['certificates', 'hash'].flatMap(() => [
              ['OPTIONS', 204],
              ['POST', 200],
            ])
          : [
              ['OPTIONS', 204],
              ['POST', 200],
              ['POST', 200],
            ],
        'a browser asks before each address',
      )
      t.match(handed, { level: padesLevel, shortfall: undefined })
      const cades = signatureType === 'CAdES'
      const verified = await verifyCms({ cms: container, content, trustAnchors: anchors, cades })
      t.ok(verified.valid, verified.message)
      const nss = await cmsutil(container, content, database)
      t.ok(nss.valid, nss.message)
      const { signatures } = await pdfsig(pdf, database)
      t.match(signatures, [
        {
          subFilter: cades ? 'ETSI.CAdES.detached' : 'adbe.pkcs7.detached',
          ...{ hash: 'SHA-256', valid: true, trusted: true },
        },
      ])

      const token = unsignedValue(container, SIGNATURE_TIMESTAMP)
      t.equal(token !== undefined, padesLevel !== 'b-b', 'the level decides about the timestamp')
      if (token !== undefined) {
        const data = signatureOf(container)
        const timestamp = await verifyTimestamp({ token, data, trustAnchors: timestampAnchors })
        t.ok(timestamp.valid, timestamp.message)
        t.same(handed.timestampResponse && timestampTokenOf(handed.timestampResponse), token)
      }
      const { ocspResponses, crls } = readSignedData(token ?? Buffer.alloc(0))
      // The containers of the callback have these data among their signed attributes
      const isInToken = padesLevel === 'b-lt' && !(address === 'callback' && signatureContainer === 'pkcs7')
      t.equal(ocspResponses.length, isInToken ? 1 : 0, 'about the authority above the timestamp authority')
      t.equal(crls.length, isInToken ? 2 : 0, 'about the timestamp authority, and that above the signer')
      t.equal(handed.ocspResponses.length, padesLevel === 'b-lt' ? 1 : 0, 'about the signer')
      t.equal(pdf.includes('/DSS'), padesLevel === 'b-lt')
      t.equal(pdf.includes('/OCSPs'), padesLevel === 'b-lt', 'serial numbers are those of the chain')
      t.equal(pdf.includes('/CRLs'), padesLevel === 'b-lt')
    })
  }
}
