import { asn1Parse } from './openssl.ts'

/** One line of `openssl asn1parse`. */
export interface Asn1Value {
  readonly offset: number
  readonly depth: number
  readonly headerLength: number
  /** Of the contents; NaN when the length is indefinite. */
  readonly length: number
  /** Tag, and for simple types the value: `OBJECT            :sha256`. */
  readonly text: string
  /** Tag, length and contents. */
  readonly der: Buffer
}

/** The values of DER in the order of their offsets, as OpenSSL sees them. */
export async function asn1Values(der: Uint8Array): Promise<Asn1Value[]> {
  const pattern = /^\s*(\d+):d=(\d+)\s+hl=(\d+)\s+l=\s*(\d+|inf)\s+(?:prim|cons):\s*(.*)$/
  const lines = (await asn1Parse(der)).trimEnd().split('\n')
  return lines.map((line) => {
    const match = pattern.exec(line)
    if (match === null) throw new Error(`asn1parse printed ${line}`)
    const [offset, depth, headerLength, length] = match.slice(1, 5).map(Number) as [
      number,
      number,
      number,
      number,
    ]
    return {
      offset,
      depth,
      headerLength,
      length,
      text: (match[5] as string).trim(),
      der: Buffer.from(der.subarray(offset, offset + headerLength + length)),
    }
  })
}

/** The values directly inside one. */
export function childrenOf(values: readonly Asn1Value[], parent: Asn1Value): Asn1Value[] {
  const end = parent.offset + parent.headerLength + parent.length
  return values.filter(
    ({ offset, depth }) => depth === parent.depth + 1 && offset > parent.offset && offset < end,
  )
}

/** Octets that DER spends on tag and length (X.690 10.1: definite, and as few as possible). */
export function shortestHeader(length: number): number {
  return length < 128 ? 2 : 2 + Math.ceil(Math.log2(length + 1) / 8)
}
