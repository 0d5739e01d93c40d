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

/** Returns the contents of the code blocks in one language, without the indentation that a list gives them. */
export function codeBlocks(text: string, language: string): string[] {
  const blocks = text.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^\\1\`\`\`$`, 'gm'))
  return [...blocks].map(([, indent = '', block = '']) =>
    block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )
}
