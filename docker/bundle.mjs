// Bundles what tsc has compiled, with the packages that it uses, into a few files in dist/bundle: a process has to find
// and read some 600 modules otherwise, which takes more time than all else of its start. The bundles are readable, and
// lie as their sources do: dist/bundle/server.js for src/server.ts. With --packages it bundles the packages alone, for the tests
// and what they start: into dist/node_modules, where what tsc has compiled finds them ahead of those of npm.
//
//   node docker/bundle.mjs [--packages]
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiled = join(root, 'dist/src')
const packagesFolder = join(root, 'dist/node_modules')

/** Programs that are started as a process or a thread. */
const programs = [
  ...['server', 'cli/main', 'pkcs11/administration/entry'],
  ...['pkcs11/process/entry', 'pkcs11/process/session-worker', 'pkcs11/process/watchdog'],
]

/**
 * Has `import.meta` say of a module where it would lie by itself, whichever file it has become part of. Replaces text, so that
 * strings with programs must not have `import.meta`.
 */
const ownPlaces = {
  name: 'own-places',
  setup({ onLoad }) {
    onLoad({ filter: /\.m?js$/ }, async ({ path }) => {
      const own = relative(root, path)
      if (!/^dist\//.test(own)) return undefined
      const place = JSON.stringify(`$1${own.replace(/^dist\/src\//, 'dist/bundle/')}`)
      const url = `import.meta.url.replace(/^(.*\\/)dist\\/bundle\\/.*$/, ${place})`
      const code = await readFile(path, 'utf8')
      const replaced = code
        .replaceAll('import.meta.url', url)
        .replaceAll('import.meta.filename', url.replace('.url', '.filename'))
      return { contents: replaced, loader: 'js' }
    })
  },
}

/** Returns the licences of the packages that files are of, which copies of them must bring along. */
async function collectLicences(files) {
  const packages = new Set(
    files.map((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]).filter(Boolean),
  )
  const texts = [...packages].sort().map(async (folder) => {
    const { name, version, license } = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'))
    const names = (await readdir(join(root, folder)))
      .filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
      .sort()
    const contents = await Promise.all(names.map((file) => readFile(join(root, folder, file), 'utf8')))
    return `${name} ${version}, ${license}\n\n${contents.map((content) => content.trim()).join('\n\n')}`
  })
  return `${(await Promise.all(texts)).join(`\n\n${'-'.repeat(80)}\n\n`)}\n`
}

const options = {
  absWorkingDir: root,
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Some packages' entry for CommonJS loads modules by names that no bundler sees
  mainFields: ['module', 'main'],
  // The one is compiled for the machine, and the other need not be installed
  external: ['pkcs11js', '@aws-sdk/*'],
  // Packages in CommonJS load Node's modules by it
  banner: {
    js: "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);",
  },
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [ownPlaces],
}

/** Has a folder filled that takes its place only once it is whole: what was broken off would count as made. */
async function replace(folder, fill) {
  const unfinished = `${folder}.unfinished`
  await rm(unfinished, { recursive: true, force: true })
  await fill(unfinished)
  await rm(folder, { recursive: true, force: true })
  await rename(unfinished, folder)
}

async function bundlePrograms(outdir) {
  const { metafile } = await build({
    ...options,
    entryPoints: programs.map((program) => join(compiled, `${program}.js`)),
    outbase: compiled,
    outdir,
    metafile: true,
  })
  await writeFile(join(outdir, 'LICENSES.txt'), await collectLicences(Object.keys(metafile.inputs)))
  // Nothing makes a file executable, and npx starts the command as one: in clones where it has done so before, by the path that
  // it had then
  for (const folder of [outdir, compiled]) {
    await chmod(join(folder, 'cli/main.js'), 0o755)
  }
}

/** Matches an import in what tsc has compiled: what is imported, and the name of the module. */
const IMPORT = /^import (?:([^';]*) from )?'([^']+)'/gm

/** Returns the names that are imported of each module of a package, of production dependencies that are bundled at all. */
async function findImports() {
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const isBundled = (module) =>
    Object.keys(dependencies).some((name) => module === name || module.startsWith(`${name}/`)) &&
    !/^(?:pkcs11js|@aws-sdk\/.*)$/.test(module)
  const paths = (await readdir(join(root, 'dist'), { recursive: true })).filter((path) =>
    /^(?:src|schemas|test|docker)\/.*\.js$/.test(path),
  )
  const codes = await Promise.all(paths.map((path) => readFile(join(root, 'dist', path), 'utf8')))
  const imports = codes
    .flatMap((code) => [...code.matchAll(IMPORT)])
    .filter(([, , module]) => isBundled(module))
  const names = new Map()
  for (const [, clause = '', module] of imports) {
    const whole = clause.startsWith('*') ? Object.keys(await import(module)) : []
    const first = /^[\w$]/.test(clause) ? ['default'] : []
    const listed = clause.match(/\{(.*)\}/s)?.[1].split(',') ?? []
    const all = [
      ...whole.filter((name) => name !== 'default'),
      ...first,
      ...listed.map((one) => one.trim().split(' ')[0]),
    ]
    names.set(module, new Set([...(names.get(module) ?? []), ...all.filter(Boolean)]))
  }
  return names
}

/**
 * Bundles the packages, those with modules in common into common files, so that there is one of each class. Our own modules stay
 * as tsc has compiled them, since coverage is measured of them.
 */
async function bundlePackages(outdir) {
  const names = await findImports()
  const entries = join(root, 'dist/.packages')
  await rm(entries, { recursive: true, force: true })
  for (const [module, imported] of names) {
    // The names are listed, since no bundler knows those of a package in CommonJS
    const entry = join(entries, `${module}/index.js`)
    await mkdir(dirname(entry), { recursive: true })
    await writeFile(entry, `export { ${[...imported].join(', ')} } from '${module}'\n`)
  }
  await build({
    ...options,
    entryPoints: [join(entries, '**/index.js')],
    outbase: entries,
    outdir,
    chunkNames: '.chunks/[name]-[hash]',
  })
  await rm(entries, { recursive: true })
  const modules = [...names.keys()]
  for (const name of new Set(modules.map((module) => module.match(/^(?:@[^/]+\/)?[^/]+/)[0]))) {
    const exported = modules
      .filter((module) => module === name || module.startsWith(`${name}/`))
      .map((module) => `.${module.slice(name.length)}`)
    const exports = Object.fromEntries(exported.map((path) => [path, `${path}/index.js`]))
    await writeFile(join(outdir, name, 'package.json'), JSON.stringify({ name, type: 'module', exports }))
  }
}

// Packages would be sought there, which has some of their names only
await rm(packagesFolder, { recursive: true, force: true })
if (process.argv.includes('--packages')) {
  await replace(packagesFolder, bundlePackages)
} else {
  await replace(join(root, 'dist/bundle'), bundlePrograms)
}
