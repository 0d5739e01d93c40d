import { embed, signedBytes } from '../support/document-engine/embed.ts'
import { reserve } from '../support/document-engine/reserve.ts'
import { DEFAULT_ESTIMATED_SIZE, SUB_FILTERS } from '../support/document-engine/signature-options.ts'
import { signWithOpenssl } from '../support/software-container.ts'
import type { Signed } from './judges.ts'
import type { Material } from './material.ts'
import type { Shape } from './shapes.ts'

/**
 * The PDF with a container by OpenSSL, with the key, certificates, hash and type of a shape: a validator that refuses it
 * for the reason for which it refuses ours cannot judge that shape.
 */
export async function signControl(material: Material, pdf: Uint8Array, shape: Shape): Promise<Signed> {
  const { type, key, hash } = shape
  const signer = material.signers.get(key)
  if (signer === undefined) {
    throw new Error(`there is no signer ${key}`)
  }
  const reserved = await reserve({
    ...{ pdf, subFilter: SUB_FILTERS[type], signingTime: new Date() },
    estimatedSize: DEFAULT_ESTIMATED_SIZE,
  })
  const content = signedBytes(reserved.pdf, reserved.byteRange)
  const cms = await signWithOpenssl({
    ...{ content, signers: [signer], chain: material.chain, hash },
    ...{ cades: type === 'cades', pss: key === 'pss' },
  })
  embed(reserved.pdf, reserved.byteRange, cms)
  return { pdf: reserved.pdf, cms, content }
}
