/** Sets an entry of a map as its latest, and deletes the oldest if there are more than `most` then. */
export function keepLatest<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) {
    const [oldest] = map.keys()
    map.delete(oldest as K)
  }
}
