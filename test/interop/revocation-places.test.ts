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
  SUB_FILTERS,
} from '../support/document-engine/signature-options.ts'
import { createLongTermContainer, PLACES, type Place } from '../support/long-term-container.ts'
import { evidenceAbout } from '../support/long-term-evidence.ts'
import { createJudges } from './judges.ts'

/**
 * pdfsig, NSS and gpgsm cannot read SignedData.crls where an OCSP response is in it (poppler 22.12, NSS 3.87, libksba
 * 1.6). EU DSS looks for revocation data in a PDF's adbe-revocationInfoArchival and DSS dictionary alone.
 */
const UNREAD_BY: Readonly<Record<Place, readonly string[]>> = {
  'adbe-revocationInfoArchival': [],
  'SignedData.crls': ['pdfsig', 'NSS', 'gpgsm', 'EU DSS'],
  'revocation-values': ['EU DSS'],
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

for (const place of PLACES) {
  for (const type of SIGNATURE_TYPES) {
    t.test(`${type} with revocation information in ${place}`, async (t) => {
      const { pdf, byteRange } = await reserve({
        ...{ pdf: original, subFilter: SUB_FILTERS[type], signingTime: new Date() },
        estimatedSize: DEFAULT_ESTIMATED_SIZE,
      })
      const content = signedBytes(pdf, byteRange)
      const cms = await createLongTermContainer(authorities, { content, signer, type, evidence, place })
      embed(pdf, byteRange, cms)
      for (const { name, judge } of judges) {
        const shape = { container: 'pkcs7', type, level: 'b-lt', key: 'rsa-2048', hash: 'sha256' } as const
        const { complaint } = await judge({ document: pdf, cms, content }, shape)
        t.equal(complaint !== undefined, UNREAD_BY[place].includes(name), `${name}: ${complaint ?? 'valid'}`)
      }
    })
  }
}
