/** Builds HTML in which all that is put in is text, unless it was built here too. */

/** A piece of HTML that needs no escaping. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Value = Html | string | number | undefined | readonly Value[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Tags a template: values are escaped, lists are joined, and undefined is nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(String.raw({ raw: parts }, ...values.map(textOf)))
}

function textOf(value: Value): string {
  if (value instanceof Html) {
    return value.text
  }
  if (typeof value === 'object') {
    return value.map(textOf).join('')
  }
  return `${value ?? ''}`.replace(/[&<>"']/g, (character) => `${ENTITIES[character]}`)
}
