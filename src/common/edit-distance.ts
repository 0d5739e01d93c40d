/**
 * Returns how many letters must be inserted, deleted or replaced to turn one word into the other (Levenshtein). Any
 * number beyond `limit` may be told as Infinity.
 */
export function editDistance(from: string, to: string, limit: number): number {
  if (Math.abs(from.length - to.length) > limit) {
    return Number.POSITIVE_INFINITY
  }
  const letters = [...to]
  let row = Array.from({ length: letters.length + 1 }, (_, column) => column)
  for (const letter of from) {
    const [corner = 0] = row
    const next = [corner + 1]
    for (const [column, other] of letters.entries()) {
      const replaced = Number(row[column]) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, Number(row[column + 1]) + 1, Number(next[column]) + 1))
    }
    if (Math.min(...next) > limit) {
      return Number.POSITIVE_INFINITY
    }
    row = next
  }
  return Number(row.at(-1))
}

/** Returns the known word that is nearest to `word`; undefined if each is further than `limit` letters from it. */
export function findNearest(word: string, known: readonly string[], limit: number): string | undefined {
  const [nearest] = known
    .map((one) => ({ one, distance: editDistance(word, one, limit) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
  return nearest?.one
}
