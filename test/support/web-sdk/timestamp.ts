import * as asn1js from 'asn1js'
import { block } from '../container-parts.ts'
import { toDer } from '../document-engine/der.ts'
import { childrenOf } from '../document-engine/signed-data.ts'

/**
 * Encodes a DER TimeStampToken anew as the SDK does before it puts one into a container of its own: unsigned attributes get
 * lost, and with them the revocation data about the authority; the version of the SignedData becomes 1.
 */
export function reencodeToken(token: Uint8Array): Buffer {
  const contentInfo = block(token)
  const [signedData] = childrenOf(childrenOf(contentInfo)[1])
  const fields = childrenOf(signedData)
  const signerInfo = childrenOf(childrenOf(fields.at(-1))[0])
  const last = signerInfo.at(-1)
  if (last?.idBlock.tagClass === 3 && last.idBlock.tagNumber === 1) {
    signerInfo.pop()
  }
  fields.splice(0, 1, new asn1js.Integer({ value: 1 }))
  return toDer(contentInfo)
}
