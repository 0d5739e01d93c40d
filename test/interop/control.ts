import { embed, signedBytes } from '../support/document-engine/embed.ts'
import { reserve } from '../support/document-engine/reserve.ts'
import { DEFAULT_ESTIMATED_SIZE, SUB_FILTERS } from '../support/document-engine/signature-options.ts'
import { withEvidence } from '../support/long-term-container.ts'
import { evidenceAbout } from '../support/long-term-evidence.ts'
import { signWithOpenssl } from '../support/software-container.ts'
import type { Signed } from './judges.ts'
import type { Material } from './material.ts'
import type { Shape } from './shapes.ts'

/**
 * Returns the PDF, or the file, with a container by OpenSSL, with the key, certificates, hash and type of a shape: a
 * validator that refuses it for the reason for which it refuses ours cannot judge that shape. Over a file, a control of
 * level b-lt has revocation data in SignedData.crls, too.
 */
export async function signControl(material: Material, pdf: Uint8Array, shape: Shape): Promise<Signed> {
  const { container, type, key, hash, level } = shape
  const signer = material.signers.get(key)
  if (signer === undefined) {
    throw new Error(`there is no signer ${key}`)
  }
  const sign = (content: Uint8Array) =>
    signWithOpenssl({
      ...{ content, signers: [signer], chain: material.chain, hash },
      ...{ cades: type === 'cades', pss: key === 'pss' },
    })
  if (container === 'file') {
    const content = Buffer.from(pdf)
    const cms = await sign(content)
    const evidence = level === 'b-lt' ? await evidenceAbout(material.authorities, signer) : undefined
    return { document: content, cms: evidence === undefined ? cms : withEvidence(cms, evidence), content }
  }
  const reserved = await reserve({
    ...{ pdf, subFilter: SUB_FILTERS[type], signingTime: new Date() },
    estimatedSize: DEFAULT_ESTIMATED_SIZE,
  })
  const content = signedBytes(reserved.pdf, reserved.byteRange)
  const cms = await sign(content)
  embed(reserved.pdf, reserved.byteRange, cms)
  return { document: reserved.pdf, cms, content }
}
