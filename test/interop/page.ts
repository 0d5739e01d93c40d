/** The verdicts as the documentation shows them. */
import { markdownTable } from '../support/markdown.ts'
import { containerName, EVERY_SHAPE, europeanName, type Form, KEYS, LEVELS, type Shape } from './shapes.ts'
import type { Row, Verdict } from './verdicts.ts'

const HASH_NAMES: Readonly<Record<Shape['hash'], string>> = {
  sha160: 'SHA-1',
  sha224: 'SHA-224',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
}
const WORDS: Readonly<Record<Verdict['outcome'], string>> = {
  valid: 'valid',
  'cannot judge': '*cannot judge*',
  INVALID: '**INVALID**',
  'not asked': '–',
}

/** Headings of the columns that say what a container is. */
const CLAIM = ['container', 'signature', 'level', 'level by its European name']

/** First cells of the rows that say what a level is called, and the shapes that each is about. */
const NAMED: Readonly<Record<string, Omit<Form, 'level' | 'key'>>> = {
  '`cades` in a PDF': { container: 'pkcs7', type: 'cades' },
  '`cades` over a file': { container: 'file', type: 'cades' },
  '`cms` in a PDF': { container: 'pkcs7', type: 'cms' },
  '`cades` in a PDF with a DSS dictionary': { container: 'pkcs7', type: 'cades', dss: true },
  '`cms` in a PDF with a DSS dictionary': { container: 'pkcs7', type: 'cms', dss: true },
}
/** Without a timestamp there is no such level. */
const NEVER = '–'

/** Returns the rows of the page that claim another name of a level than EU DSS gives, or one of what is not judged. */
export function wrongNames(page: string): string[] {
  return page.split('\n').filter((line) => {
    const [, first = '', ...cells] = line.split(/ *\| */)
    const named = NAMED[first]
    if (named !== undefined) {
      const names = LEVELS.map((level) =>
        named.dss && level === 'b-b' ? NEVER : europeanName({ ...named, level, key: 'rsa-2048' }),
      )
      return names.join() !== cells.slice(0, names.length).join()
    }
    const [type, level, name, key] = cells
    const shapes = EVERY_SHAPE.filter(
      (one) => containerName(one) === first && one.type === type && one.level === level,
    )
    const isClaimed = (one: Shape) => KEYS[one.key].name === key && europeanName(one) === name
    return shapes.length > 0 && !shapes.some(isClaimed)
  })
}

/** Paragraphs: the table, what validators cannot judge, and with what it was found out. */
export function describeRows(rows: readonly Row[], versions: readonly string[]): string[] {
  const judges = Object.keys(rows[0]?.verdicts ?? {})
  return [
    `${versions.join(', ')}.`,
    markdownTable([...CLAIM, 'key', 'hash', ...judges], cellsOf(rows)),
    'Cannot judge, in the words of the validator, which says the same of what OpenSSL made:',
    limits(rows)
      .map((line) => `- ${line}`)
      .join('\n'),
  ]
}

/** One row for all hashes about which the verdicts are the same. */
function cellsOf(rows: readonly Row[]): string[][] {
  const merged = new Map<string, { cells: string[]; hashes: string[]; verdicts: string[] }>()
  for (const { shape, verdicts } of rows) {
    const cells = [containerName(shape), shape.type, shape.level, europeanName(shape), KEYS[shape.key].name]
    const words = Object.values(verdicts).map(({ outcome }) => WORDS[outcome])
    const same = merged.get([...cells, ...words].join()) ?? { cells, hashes: [], verdicts: words }
    same.hashes.push(HASH_NAMES[shape.hash])
    merged.set([...cells, ...words].join(), same)
  }
  return [...merged.values()].map(({ cells, hashes, verdicts }) => [...cells, hashes.join(', '), ...verdicts])
}

function describe({ container, key, hash, level }: Shape): string {
  const signature = `${KEYS[key].name} with ${HASH_NAMES[hash]}`
  return container === 'file' ? `${signature} over a file at ${level}` : signature
}

/** A line for each reason that a validator has. */
function limits(rows: readonly Row[]): string[] {
  const found = new Map<string, Set<string>>()
  for (const { shape, verdicts } of rows) {
    for (const [judge, { outcome, complaint }] of Object.entries(verdicts)) {
      if (outcome === 'cannot judge') {
        // NSS says it in two lines
        const key = `${judge}: “${complaint?.replaceAll('\n', ' ')}”`
        const about = found.get(key) ?? new Set()
        found.set(key, about.add(describe(shape)))
      }
    }
  }
  return [...found].map(([key, about]) => `${key}, of ${[...about].join(', ')}`)
}
