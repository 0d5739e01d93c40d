/** Returns label and id of a private key as messages show them. */
export function nameKey({ label, id }: { readonly label: string; readonly id: string }): string {
  return `label ${JSON.stringify(label)} id ${id || '(none)'}`
}
