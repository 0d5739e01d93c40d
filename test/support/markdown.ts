export function markdownTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n')
}

/** The page with other paragraphs between `<!-- name:begin -->` and `<!-- name:end -->`. */
export function replacePart(page: string, name: string, paragraphs: readonly string[]): string {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`]
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from) {
    throw new Error(`the page has no ${begin} with an ${end} after it`)
  }
  return [page.slice(0, from + begin.length), ...paragraphs, page.slice(to)].join('\n\n')
}
