/** Encoded messages of EMSA-PKCS1-v1_5 (RFC 8017 9.2), and what is none. */
import type { Flaw } from './der-flaws.ts'

/** `00 01 ff...ff 00 DigestInfo`, or another start, filling and separator. */
export function pad(
  size: number,
  digestInfo: Uint8Array,
  { start = [0, 1], filling = 0xff, separator = [0] } = {},
): Buffer {
  const length = size - start.length - separator.length - digestInfo.length
  return Buffer.concat([
    Buffer.from(start),
    Buffer.alloc(length, filling),
    Buffer.from(separator),
    digestInfo,
  ])
}

/** Wrong ones of the right DigestInfo. */
export function wrongPaddings(size: number, digestInfo: Buffer): Flaw[] {
  const padded = (options: Parameters<typeof pad>[2]) => pad(size, digestInfo, options)
  const right = padded({})
  const at = (position: number, value: number) => Buffer.from(right).fill(value, position, position + 1)
  const separator = size - digestInfo.length - 1
  const middle = separator >> 1
  const followed = (filled: number, by: string | number) =>
    Buffer.concat([
      ...[Buffer.of(0, 1), Buffer.alloc(filled, 255), Buffer.of(0), digestInfo],
      Buffer.alloc(separator - 2 - filled, by),
    ])
  return Object.entries({
    'block type 0': padded({ start: [0, 0], filling: 0 }),
    'block type 0, filled with ff': padded({ start: [0, 0] }),
    'block type 2': padded({ start: [0, 2] }),
    'block type 2, filled with other bytes': padded({ start: [0, 2], filling: 0xa5 }),
    'no block type': padded({ start: [0] }),
    'filled with zeros': padded({ filling: 0 }),
    'filled with fe': padded({ filling: 0xfe }),
    'none, but zeros': padded({ start: [], filling: 0, separator: [] }),
    'first byte filled with 0': at(2, 0),
    'first byte filled with 7f': at(2, 0x7f),
    'a byte in the middle filled with 0': at(middle, 0),
    'a byte in the middle filled with fe': at(middle, 0xfe),
    'last byte filled with fe': at(separator - 1, 0xfe),
    'two separators': padded({ separator: [0, 0] }),
    'separator 1': at(separator, 1),
    'separator ff': at(separator, 255),
    'no separator': padded({ separator: [] }),
    'nothing filled, zeros follow': followed(0, 0),
    'seven bytes filled, zeros follow': followed(7, 0),
    'eight bytes filled, zeros follow': followed(8, 0),
    'eight bytes filled, garbage follows': followed(8, 'garbage'),
    'forty bytes filled, ff follows': followed(40, 255),
    'a zero follows': followed(separator - 3, 0),
    'nothing behind it': pad(size, Buffer.alloc(0)),
    'ff to the end': pad(size, Buffer.alloc(0), { separator: [] }),
  }).map(([name, bytes]) => ({ name: `padding: ${name}`, bytes }))
}
