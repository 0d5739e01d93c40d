/** The links of the documentation lead to files and headings that exist, and the README stays short. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readPage } from '../support/pages.ts'
import { repositoryPath } from '../support/repository.ts'

/** Bytes. A reader sees the list of pages without searching for it. */
const README_LIMIT = 9000

const inFolder = (folder: string) =>
  readdirSync(repositoryPath(folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))

const pages = [...inFolder('.'), ...inFolder('docs')]

/** Removes blocks of code, in which brackets are no links and `#` begins no heading. */
function withoutCode(text: string): string {
  return text.replaceAll(/^( *)```.*\n[\s\S]*?^\1```$/gm, '')
}

/** Returns the anchors of a page, as GitHub makes them of its headings. */
function anchorsOf(page: string): string[] {
  return [...withoutCode(readPage(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** Returns the targets of the links and images that are not addresses of other hosts. */
function relativeLinks(page: string): string[] {
  const text = withoutCode(readPage(page)).replaceAll(/`[^`\n]*`/g, 'code')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
}

t.test('each relative link leads to a file and a heading that exist', async (t) => {
  for (const page of pages) {
    for (const link of relativeLinks(page)) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : join(page, '..', path)
      const found = existsSync(repositoryPath(target)) && (!anchor || anchorsOf(target).includes(anchor))
      t.ok(found, `${page}: ${link}`)
    }
  }
})

t.test('each path of a source that a page names exists', async (t) => {
  for (const page of pages.filter((page) => page !== 'CHANGELOG.md')) {
    for (const [, path = ''] of readPage(page).matchAll(/`((?:src|schemas|test|docker)\/[\w./-]+)`/g)) {
      t.ok(existsSync(repositoryPath(path)), `${page}: ${path}`)
    }
  }
})

t.test('each page of docs is in the list of the README', async (t) => {
  const listed = relativeLinks('README.md')
  for (const page of inFolder('docs')) {
    t.ok(listed.includes(page), page)
  }
})

t.test('the README is short', async (t) => {
  t.ok(Buffer.byteLength(readPage('README.md')) <= README_LIMIT)
})
