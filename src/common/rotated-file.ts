/** Names files of an audit log that were rotated after their first record, such as `audit-000000000001.jsonl`. */
import { basename, join, parse } from 'node:path'

/** Digits of the number, so that names sort as their records do. */
const DIGITS = 12
const ROTATED = new RegExp(`-(\\d{${DIGITS}})(?:\\.[^.]+)?$`)

/**
 * Returns the path of a file after it was rotated.
 *
 * @param path AUDIT_FILE
 * @param first number of the first record in it
 */
export function rotatedName(path: string, first: number): string {
  const { dir, name, ext } = parse(path)
  return join(dir, `${name}-${String(first).padStart(DIGITS, '0')}${ext}`)
}

/** Returns the number that the name of a rotated file has; undefined if it has none. */
export function readRotatedNumber(file: string): number | undefined {
  const [, digits] = ROTATED.exec(basename(file)) ?? []
  return digits === undefined ? undefined : Number(digits)
}
