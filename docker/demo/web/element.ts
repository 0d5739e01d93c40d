/** Makes an element. Texts become text nodes, never markup. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<Omit<HTMLElementTagNameMap[Name], 'children'>>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

/** Returns the element of the page with this id. */
export function byId<Kind extends HTMLElement>(id: string): Kind {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`index.html has no #${id}`)
  return found as Kind
}

/** Makes a list of names and values; values that are undefined are left out. */
export function definitions(entries: readonly (readonly [string, string | undefined])[]): HTMLElement {
  const list = element('dl', {})
  for (const [name, value] of entries) {
    if (value !== undefined) list.append(element('dt', {}, name), element('dd', {}, value))
  }
  return list
}
