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
import { createLongTermContainer, PLACES } from '../support/long-term-container.ts'
import { evidenceAbout } from '../support/long-term-evidence.ts'
import { createJudges } from './judges.ts'

/** They cannot read SignedData.crls where an OCSP response is in it (poppler 22.12, NSS 3.87, libksba 1.6). */
const WITHOUT_OTHER_REVOCATION_INFO = ['pdfsig', 'NSS', 'gpgsm']

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
        if (place !== 'SignedData.crls' || !WITHOUT_OTHER_REVOCATION_INFO.includes(name)) {
          const shape = { container: 'pkcs7', type, level: 'b-lt', key: 'rsa-2048', hash: 'sha256' } as const
          t.equal(await judge({ pdf, cms, content }, shape), undefined, name)
        }
      }
    })
  }
}
