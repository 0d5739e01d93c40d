import type { FoundKey } from './messages.ts'

/** Returns label and id of a private key as messages show them. */
export function nameKey({ label, id }: Pick<FoundKey, 'label' | 'id'>): string {
  return `label ${JSON.stringify(label)} id ${id || '(none)'}`
}
