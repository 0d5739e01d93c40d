/** Returns a copy of an object without its undefined properties. */
export function defined<T extends object>(object: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const copy: { [K in keyof T]?: NonNullable<T[K]> } = {}
  for (const name of Object.keys(object) as (keyof T)[]) {
    const value = object[name]
    if (value !== undefined) {
      copy[name] = value as NonNullable<T[keyof T]>
    }
  }
  return copy
}
