import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'

/**
 * A certificate that goes into a container as the very bytes its issuer signed: parsed once, and never encoded anew.
 * Anew, a certificate that is not strictly DER would come out different, and it costs more than the rest of a
 * container together.
 */
export class EncodedCertificate extends pkijs.Certificate {
  readonly der: Uint8Array
  readonly #contents: Uint8Array

  /** @param der one DER certificate */
  constructor(der: Uint8Array) {
    const { offset, result } = asn1js.fromBER(der)
    if (offset !== der.length) {
      throw new TypeError('not one DER certificate')
    }
    super({ schema: result })
    this.der = der
    this.#contents = der.subarray(der.length - result.lenBlock.length)
  }

  override toSchema(): asn1js.Sequence {
    const sequence = new asn1js.Primitive({
      idBlock: { tagClass: 1, tagNumber: 16 },
      valueHex: this.#contents,
    })
    sequence.idBlock.isConstructed = true
    return sequence as unknown as asn1js.Sequence
  }
}
