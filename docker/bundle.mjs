// Bundles what tsc has compiled, with the packages that it uses, into a few files in dist/bundle: a process has to find
// and read some 600 modules otherwise, which takes more time than all else of its start. The bundles are readable, and
// lie as their sources do: dist/bundle/server.js for src/server.ts. With --tests it bundles the tests of `npm test` for the same
// reason, into dist/tests.
//
//   node docker/bundle.mjs [--tests]
import { chmod, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiled = join(root, 'dist/src')
const compiledTests = join(root, 'dist/test')
const testsFolder = join(root, 'dist/tests')

/** Programs that are started as a process or a thread. */
const programs = [
  ...['server', 'cli/main', 'pkcs11/administration/entry'],
  ...['pkcs11/process/entry', 'pkcs11/process/session-worker', 'pkcs11/process/watchdog'],
]

/**
 * Has `import.meta` say of a module where it would lie by itself, whichever file it has become part of. One of src lies in
 * dist/bundle, in tests as well: the processes that it starts are bundled. Replaces text, so that strings with programs must not
 * have `import.meta`.
 */
const ownPlaces = {
  name: 'own-places',
  setup({ onLoad }) {
    onLoad({ filter: /\.m?js$/ }, async ({ path }) => {
      const own = relative(root, path)
      if (!/^(?:dist|docker)\//.test(own)) return undefined
      const place = JSON.stringify(`$1${own.replace(/^dist\/src\//, 'dist/bundle/')}`)
      const url = `import.meta.url.replace(/^(.*\\/)dist\\/(?:bundle|tests)\\/.*$/, ${place})`
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

async function bundleTests(outdir) {
  const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  await build({
    ...options,
    entryPoints: [join(compiledTests, '**/*.test.js')],
    outbase: compiledTests,
    outdir,
    // Packages that only tests have are in few of them
    external: [...options.external, ...Object.keys(devDependencies)],
    // A failure names the line of its source
    sourcemap: true,
    sourcesContent: false,
  })
}

if (process.argv.includes('--tests')) {
  await replace(testsFolder, bundleTests)
} else {
  // The tests were bundled from what was compiled before
  await rm(testsFolder, { recursive: true, force: true })
  await replace(join(root, 'dist/bundle'), bundlePrograms)
}
