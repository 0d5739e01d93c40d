// Bundles what tsc has compiled, with the packages that it uses, into a few files in dist/bundle: a process has to find
// and read some 600 modules otherwise, which takes more time than all else of its start. The bundles are readable, and
// lie as their sources do: dist/bundle/server.js for src/server.ts.
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiled = join(root, 'dist/src')
const outdir = join(root, 'dist/bundle')

/** What is started as a process or a thread. */
const programs = [
  ...['server', 'cli/main', 'pkcs11/administration/entry'],
  ...['pkcs11/process/entry', 'pkcs11/process/session-worker', 'pkcs11/process/watchdog'],
]

/** Has `import.meta` say of a module where it would lie by itself, whichever file it has become part of. */
const ownPlaces = {
  name: 'own-places',
  setup({ onLoad }) {
    onLoad({ filter: /\/dist\/src\/.*\.js$/ }, async ({ path }) => {
      const place = JSON.stringify(`$1${relative(compiled, path)}`)
      const url = `import.meta.url.replace(/^(.*\\/dist\\/bundle\\/).*$/, ${place})`
      const filename = `import.meta.filename.replace(/^(.*\\/dist\\/bundle\\/).*$/, ${place})`
      const code = await readFile(path, 'utf8')
      const replaced = code.replaceAll('import.meta.url', url).replaceAll('import.meta.filename', filename)
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

await rm(outdir, { recursive: true, force: true })
const { metafile } = await build({
  entryPoints: programs.map((program) => join(compiled, `${program}.js`)),
  absWorkingDir: root,
  outbase: compiled,
  outdir,
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
  metafile: true,
  logLevel: 'warning',
  plugins: [ownPlaces],
})
await writeFile(join(outdir, 'LICENSES.txt'), await collectLicences(Object.keys(metafile.inputs)))
// Nothing makes a file executable, and npx starts the command as one: in clones where it has done so before, by the path that
// it had then
for (const folder of [outdir, compiled]) {
  await chmod(join(folder, 'cli/main.js'), 0o755)
}
