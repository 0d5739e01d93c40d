/** Deletes the oldest entry of a map if it has more than `most`. It is called after each new entry. */
export function keepLatest<K>(map: Map<K, unknown>, most: number): void {
  if (map.size > most) {
    const [oldest] = map.keys()
    map.delete(oldest as K)
  }
}
