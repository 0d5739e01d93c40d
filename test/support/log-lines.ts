/** The log of a service as log stores read it: JSON lines without a name that stands twice, and with known names alone. */
import { parseJson } from '../../src/common/json.ts'
import { readChapter } from './pages.ts'

/** Characters: of a longer log its begin and its end are looked at. */
const CHECKED = 1_000_000

/** Names of the fields that docs/operations.md describes. */
export const LOG_FIELDS: ReadonlySet<string> = new Set(
  [...readChapter('docs/operations.md', 'Log').matchAll(/^\| (`.+?`) \|/gm)].flatMap(([, names = '']) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
  ),
)

/** The lines of a log that are JSON, each as an object. */
export function readLog(text: string): Record<string, unknown>[] {
  return completeLines(text).map((line) => JSON.parse(line))
}

/**
 * Checks each line of a log. Lines that are no JSON were written to the same pipe by others.
 *
 * @throws Error that quotes the first line in which something is wrong
 */
export function checkLog(text: string): void {
  const parts = text.length > 2 * CHECKED ? [text.slice(0, CHECKED), text.slice(-CHECKED)] : [text]
  for (const line of parts.flatMap(completeLines)) {
    const unknown = Object.keys(parseLine(line)).filter((name) => !LOG_FIELDS.has(name))
    if (unknown.length > 0) {
      throw new Error(`docs/operations.md does not describe the log fields ${unknown}: ${line}`)
    }
  }
}

function parseLine(line: string): object {
  try {
    return parseJson(line) as object
  } catch (error) {
    throw new Error(`a log line ${(error as Error).message}: ${line}`)
  }
}

/** Lines with their line ends: the last one may have been cut off, as may the first where it is not the first. */
function completeLines(text: string): string[] {
  return text.split('\n').filter((line) => line.startsWith('{"level":') && line.endsWith('}'))
}
