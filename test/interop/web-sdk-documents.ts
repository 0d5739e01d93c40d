/** PDFs that pages of the Web SDK have signed, and what EU DSS and Bouncy Castle say of them. */

import type { Level } from '../../src/configuration/container-configuration.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { type BouncyCastle, faultIn } from '../support/validators/bouncy-castle.ts'
import type { Dss } from '../support/validators/dss.ts'
import type { KeyName, WebSdkMaterial } from '../support/web-sdk/material.ts'
import { StandInPage } from '../support/web-sdk/page.ts'
import {
  type SignDocumentOptions,
  type SignedDocument,
  signDocument,
} from '../support/web-sdk/sign-document.ts'
import {
  SIGNATURE_TYPES,
  type SignatureContainer,
  type SignatureType,
} from '../support/web-sdk/signing-data.ts'

export interface Case {
  readonly address: 'back end' | 'callback'
  readonly form: SignatureContainer
  readonly type: SignatureType
  readonly key: KeyName
}

/** The SDK knows no raw signatures but those of PKCS#1 v1.5 and ECDSA. */
const KEYS: Readonly<Record<SignatureContainer, readonly KeyName[]>> = {
  raw: ['rsa', 'p-256'],
  pkcs7: ['rsa', 'pss', 'p-256'],
}

export const CASES: readonly Case[] = (['back end', 'callback'] as const).flatMap((address) =>
  (['raw', 'pkcs7'] as const).flatMap((form) =>
    SIGNATURE_TYPES.flatMap((type) => KEYS[form].map((key): Case => ({ address, form, type, key }))),
  ),
)

export function nameOf({ address, form, type, key }: Case): string {
  return `${address}: ${form} ${type} ${key}`
}

const original = await samplePdf()

/** Has a page of another origin sign the sample. */
export function signCase(
  material: WebSdkMaterial,
  { address, form, type, key }: Case,
  level: Level,
  options: Omit<SignDocumentOptions, 'signingData'> = {},
): Promise<SignedDocument> {
  const page = new StandInPage(material.origin)
  const signingData = {
    ...{ signatureContainer: form, signatureType: type, padesLevel: level, ltv: level === 'b-lt' },
  }
  const way =
    address === 'back end'
      ? material.backEnd(page, key, { takesBareSignature: level === 'b-b' })
      : material.callback(page, key, level)
  return signDocument(original, { signingData, ...options }, way)
}

/** The documents of level b-lt: as the SDK makes them, and raw ones with the timestamp token as it came. */
export interface LongTermDocuments {
  readonly asSdk: ReadonlyMap<Case, SignedDocument>
  readonly keepingToken: ReadonlyMap<Case, SignedDocument>
}

/** Signs every case at b-lt. */
export async function signLongTerm(material: WebSdkMaterial): Promise<LongTermDocuments> {
  const asSdk = new Map<Case, SignedDocument>()
  const keepingToken = new Map<Case, SignedDocument>()
  for (const one of CASES) {
    asSdk.set(one, await signCase(material, one, 'b-lt'))
    if (one.form === 'raw') {
      keepingToken.set(one, await signCase(material, one, 'b-lt', { keepsToken: true }))
    }
  }
  return { asSdk, keepingToken }
}

/** A warning about plain CMS, which need not have the attribute (ISO 32000-2 12.8.3.3.1): the SDK leaves it out. */
const NO_SIGNING_CERTIFICATE = "The signed attribute: 'signing-certificate' is absent!"

/** Returns the level that EU DSS finds, and behind it what keeps the one signature from TOTAL_PASSED, or makes it warn. */
export async function askDss(
  dss: Dss,
  { pdf }: SignedDocument,
  { anchors, timestampAnchors }: WebSdkMaterial,
  online = false,
): Promise<string> {
  const signatures = await dss.judge({ pdf }, { anchors, timestampAnchors, online })
  return signatures
    .map(({ format, complaints, warnings }) =>
      [format, ...complaints, ...warnings.filter((text) => text !== NO_SIGNING_CERTIFICATE)].join(': '),
    )
    .join('; ')
}

/** Returns the fault that Bouncy Castle or PDFBox finds in a document whose container has a level; undefined where there is none. */
export async function askBouncyCastle(
  bouncyCastle: BouncyCastle,
  { pdf, container, content }: SignedDocument,
  { anchors, timestampAnchors }: WebSdkMaterial,
  { type, level }: { readonly type: SignatureType; readonly level: Level },
): Promise<string | undefined> {
  const demands = { anchors, timestampAnchors, level, type: type === 'CAdES' ? 'cades' : 'cms' } as const
  const inContainer = faultIn(await bouncyCastle.cms(container, content, demands))
  const [signature, ...others] = await bouncyCastle.pdf(pdf, demands)
  const inPdf =
    signature === undefined || others.length > 0 ? 'there is not one signature' : faultIn(signature.findings)
  return inContainer ?? inPdf
}
