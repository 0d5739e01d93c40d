/**
 * Returns the first of `names` that stands twice in a JSON object; undefined if none does, or if the text is no object.
 * RFC 8259 4 leaves open which of the two counts, and JSON.parse silently takes the last one.
 *
 * @param text valid JSON
 */
export function findRepeatedName(text: string, names: ReadonlySet<string>): string | undefined {
  if (!/^\s*\{/.test(text)) {
    return undefined
  }
  const found = new Set<string>()
  let depth = 0
  let isName = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') {
      const end = findEnd(text, at + 1)
      const name = isName ? readString(text.slice(at, end + 1)) : ''
      if (found.has(name)) {
        return name
      }
      if (names.has(name)) {
        found.add(name)
      }
      isName = false
      at = end
    } else if (character === '{' || character === '[') {
      depth++
      isName = depth === 1
    } else if (character === '}' || character === ']') {
      depth--
    } else if (character === ',') {
      isName = depth === 1
    }
  }
  return undefined
}

/** Reads a JSON string. Few have an escape, without which there is nothing to parse. */
function readString(json: string): string {
  return json.includes('\\') ? (JSON.parse(json) as string) : json.slice(1, -1)
}

/** Returns the index of the quotation mark that ends a string: the first one behind an even number of backslashes. */
function findEnd(text: string, from: number): number {
  let end = text.indexOf('"', from)
  while (isEscaped(text, end)) {
    end = text.indexOf('"', end + 1)
  }
  return end
}

function isEscaped(text: string, at: number): boolean {
  let first = at
  while (text[first - 1] === '\\') {
    first--
  }
  return (at - first) % 2 === 1
}
