/**
 * Removes a value from an array of what comes and goes with each request, if it is there. A Set would keep requests in memory: V8
 * links the table of a Set to the one that replaces it, so that a table that has survived keeps all later ones, and what these
 * held when they were replaced, until the next full garbage collection.
 */
export function removeFrom<T>(values: T[], value: T | undefined): void {
  const index = values.indexOf(value as T)
  if (index !== -1) {
    values.splice(index, 1)
  }
}
