/** The rooms of src: each imports only from those below it, and no file imports itself by way of others. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'
import { readChapter } from './support/pages.ts'
import { repositoryPath } from './support/repository.ts'

/** Rooms from the entry down, as docs/architecture.md draws them; `.` is the files of src itself, which assemble them. */
const ROOMS = [
  ...[
    'cli',
    '.',
    'status-page',
    'plugins',
    'metrics',
    'tracing',
    'callback',
    'web-sdk',
    'requests',
    'description',
    'access',
    'audit',
    'signing',
    'signers',
    'revocation',
    'timestamp',
  ],
  ...['pkcs11', 'configuration', 'cms', 'x509', 'algorithms', 'asn1', 'common'],
]
/** Defines all codes and statuses, and is known to every room. */
const ERRORS = 'errors.ts'

const SRC = repositoryPath('src')

function roomOf(file: string): string {
  return dirname(file).split('/')[0] as string
}

/** Paths of the files of src that each of them imports, types included, relative to src. */
function readImports(): ReadonlyMap<string, readonly string[]> {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  return new Map(
    files.map((file) => {
      const text = readFileSync(join(SRC, file), 'utf8')
      const named = [...text.matchAll(/(?:from |import |import\()'(\.[^']+)'/g)].map(([, path = '']) => path)
      return [file, named.map((path) => relative(SRC, join(SRC, dirname(file), path)))]
    }),
  )
}

const imports = readImports()

t.test('each room is known', async (t) => {
  t.strictSame([...new Set([...imports.keys()].map(roomOf))].sort(), [...ROOMS].sort())
})

t.test('docs/architecture.md lists them in this order', async (t) => {
  const rows = readChapter('docs/architecture.md', 'Rooms').matchAll(/^\| `([a-z0-9.-]+)` \|/gm)
  t.strictSame(
    [...rows].map(([, room]) => room),
    ROOMS,
  )
})

t.test('each imports only from those below it', async (t) => {
  const upwards = [...imports].flatMap(([file, imported]) =>
    imported
      .filter((other) => !other.startsWith('..') && other !== ERRORS && file !== ERRORS)
      .filter((other) => ROOMS.indexOf(roomOf(other)) < ROOMS.indexOf(roomOf(file)))
      .map((other) => `${file} imports ${other}`),
  )
  t.strictSame(upwards, [])
})

t.test('there are no circles', async (t) => {
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) {
      circles.push([...way.slice(way.indexOf(file)), file].join(' > '))
    } else if (!done.has(file)) {
      for (const other of imports.get(file) ?? []) {
        visit(other, [...way, file])
      }
      done.add(file)
    }
  }
  for (const file of imports.keys()) {
    visit(file, [])
  }
  t.strictSame(circles, [])
})

/** Returns the files of src that load one of these packages, types included. */
function listLoading(packages: RegExp): string[] {
  const pattern = new RegExp(`(?:from |import |import\\()'(?:${packages.source})`)
  return [...imports.keys()].filter((file) => pattern.test(readFileSync(join(SRC, file), 'utf8')))
}

t.test('only the part that works on tokens loads the PKCS#11 library', async (t) => {
  const loading = listLoading(/(?:graphene-pk11|pkcs11js)'/)
  t.strictSame([...new Set(loading.map(dirname))].sort(), ['pkcs11/administration', 'pkcs11/process'])
})

t.test('one file of the signer process loads the AWS SDK, when a PIN is a secret', async (t) => {
  const [file = '', ...others] = listLoading(/@aws-sdk|@smithy/)
  t.strictSame([file, ...others], ['pkcs11/process/aws-secret.ts'])
  const naming = [...imports].filter(([, imported]) => imported.includes(file)).map(([other]) => other)
  t.strictSame(naming, ['pkcs11/process/find-pin.ts'])
  t.match(readFileSync(join(SRC, 'pkcs11/process/find-pin.ts'), 'utf8'), "await import('./aws-secret.ts')")
})

t.test('what exports traces is loaded only where they are exported', async (t) => {
  t.strictSame([...new Set(listLoading(/@opentelemetry/).map(dirname))], ['tracing'])
  const naming = [...imports].filter(
    ([file, imported]) =>
      dirname(file) !== 'tracing' && imported.some((other) => other.startsWith('tracing/')),
  )
  for (const [file] of naming) {
    const loading = readFileSync(join(SRC, file), 'utf8').match(/^import (?!type ).*\/tracing\//gm)
    t.equal(loading, null, file)
  }
})

t.test('what describes the addresses is loaded only when somebody asks', async (t) => {
  t.strictSame(listLoading(/@fastify\/swagger'/), ['description/describe-api.ts'])
  const naming = [...imports].filter(([, imported]) => imported.includes('description/describe-api.ts'))
  for (const [file] of naming) {
    const loading = readFileSync(join(SRC, file), 'utf8').match(/^import (?!type ).*\/describe-api\./gm)
    t.equal(loading, null, file)
  }
})
