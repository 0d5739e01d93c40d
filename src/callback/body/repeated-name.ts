/** Matches what tells names apart from values in valid JSON: strings, and punctuators (RFC 8259 2) without the colon. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],]/g

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
  let before = ''
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      depth++
    } else if (token === '}' || token === ']') {
      depth--
    } else if (token !== ',' && depth === 1 && (before === '{' || before === ',')) {
      const name = token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1)
      if (found.has(name)) {
        return name
      }
      if (names.has(name)) {
        found.add(name)
      }
    }
    before = token
  }
  return undefined
}
