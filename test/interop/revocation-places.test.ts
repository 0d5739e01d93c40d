/** Who reads a container all the same, wherever its revocation information is: what the service may build depends on it. */
import { join } from 'node:path'
import t from 'tap'
import { startAuthorities } from '../support/authorities.ts'
import { RSA_2048 } from '../support/certificates.ts'
import { embed, signedBytes } from '../support/document-engine/embed.ts'
import { reserve } from '../support/document-engine/reserve.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import {
  DEFAULT_ESTIMATED_SIZE,
  SIGNATURE_TYPES,
  type SignatureType,
  SUB_FILTERS,
} from '../support/document-engine/signature-options.ts'
import { createLongTermContainer, PLACES, type Place } from '../support/long-term-container.ts'
import { type Evidence, evidenceAbout } from '../support/long-term-evidence.ts'
import { createJudges, type Signed } from './judges.ts'
import type { Shape } from './shapes.ts'

/**
 * pdfsig, NSS and gpgsm cannot read SignedData.crls where an OCSP response is in it (poppler 22.12, NSS 3.87, libksba
 * 1.6). EU DSS and pyHanko look for revocation data in a PDF's adbe-revocationInfoArchival and DSS dictionary alone.
 */
const UNREAD_BY: Readonly<Record<Place, readonly string[]>> = {
  'adbe-revocationInfoArchival': [],
  'SignedData.crls': ['pdfsig', 'NSS', 'gpgsm', 'EU DSS', 'pyHanko'],
  'revocation-values': ['EU DSS', 'pyHanko'],
}

const directory = t.testdir()
const authorities = await startAuthorities(join(directory, 'authorities'))
t.teardown(() => authorities.server.close())
const signer = authorities.certify({ subject: '/O=Test/CN=Signer', key: RSA_2048 })
const evidence = await evidenceAbout(authorities, signer)
const judges = await createJudges(t, {
  directory,
  anchors: authorities.root.issued.certificateFile,
  timestampAnchors: authorities.timestampRoot.issued.certificateFile,
})
const original = await samplePdf()

/** The stand-in for Document Engine builds the containers here. */
const shapeOf = (type: SignatureType): Shape => ({
  ...{ container: 'raw', type, level: 'b-lt', key: 'rsa-2048', hash: 'sha256' },
})

async function signPdf(type: SignatureType, place: Place, evidence: Evidence): Promise<Signed> {
  const { pdf, byteRange } = await reserve({
    ...{ pdf: original, subFilter: SUB_FILTERS[type], signingTime: new Date() },
    estimatedSize: DEFAULT_ESTIMATED_SIZE,
  })
  const content = signedBytes(pdf, byteRange)
  const cms = await createLongTermContainer(authorities, { content, signer, type, evidence, place })
  embed(pdf, byteRange, cms)
  return { document: pdf, cms, content }
}

for (const place of PLACES) {
  for (const type of SIGNATURE_TYPES) {
    t.test(`${type} with revocation information in ${place}`, async (t) => {
      const signed = await signPdf(type, place, evidence)
      for (const { name, judge } of judges) {
        const { complaint } = await judge(signed, shapeOf(type))
        t.equal(complaint !== undefined, UNREAD_BY[place].includes(name), `${name}: ${complaint ?? 'valid'}`)
      }
    })
  }
}

for (const judge of judges.filter(({ name }) => ['EU DSS', 'pyHanko'].includes(name))) {
  t.test(`${judge.name} misses each of the revocation data that is left out`, async (t) => {
    for (const [kind, values] of Object.entries(evidence) as [keyof Evidence, object][]) {
      for (const name of Object.keys(values)) {
        const kept = Object.fromEntries(Object.entries(values).filter(([other]) => other !== name))
        const signed = await signPdf('cades', 'adbe-revocationInfoArchival', { ...evidence, [kind]: kept })
        const { complaint } = await judge.judge(signed, shapeOf('cades'))
        t.ok(complaint, `${kind}, ${name}: ${complaint}`)
      }
    }
  })
}
