/** Bundles hold copies of packages, whose licences demand that they are named, and are whole or not there. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { repositoryPath } from './support/repository.ts'

const FOLDER = repositoryPath('dist/bundle')

t.test('the licence of each package goes with its copy', async (t) => {
  const chunks = readdirSync(join(FOLDER, 'chunks')).map((name) =>
    readFileSync(join(FOLDER, 'chunks', name), 'utf8'),
  )
  // esbuild says of each module where it comes from
  const copied = chunks.flatMap((chunk) => [...chunk.matchAll(/^\/\/ (node_modules\/.*)/gm)])
  const names = new Set(
    copied.map(([, path = '']) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] as string),
  )
  t.ok(names.has('fastify') && names.has('pkijs'), 'they are found')
  const licences = readFileSync(join(FOLDER, 'LICENSES.txt'), 'utf8')
  const licensed = new Map(licences.split(/^-{80}$/m).map((one) => [one.trim().split(' ')[0], one]))
  for (const name of names) {
    t.match(licensed.get(name), /^\S+ \d\S+, (?:MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2.0)$/m, name)
  }
  t.match(licensed.get('pkijs'), 'Redistributions in binary form must reproduce the above copyright notice')
})

t.test('tests whose bundling broke off do not count as bundled', async (t) => {
  const folder = t.testdir({
    'package.json': '{ "type": "module", "devDependencies": {} }',
    docker: {},
    // The map of the one and the folder of the other cannot both be written
    dist: { test: { 'a.test.js': 'export {}', 'a.test.js.map': { 'b.test.js': 'export {}' } } },
  })
  const program = join(folder, 'docker/bundle.mjs')
  copyFileSync(repositoryPath('docker/bundle.mjs'), program)
  symlinkSync(repositoryPath('node_modules'), join(folder, 'node_modules'))
  const bundle = () => spawnSync(process.execPath, [program, '--tests'], { encoding: 'utf8' })
  const failed = bundle()
  t.equal(failed.status, 1)
  t.match(failed.stderr, /Failed to (?:write|create)/)
  t.notOk(existsSync(join(folder, 'dist/tests')))
  rmSync(join(folder, 'dist/test/a.test.js.map'), { recursive: true })
  const { status, stderr } = bundle()
  t.equal(status, 0, stderr)
  t.same(readdirSync(join(folder, 'dist')).sort(), ['test', 'tests'])
  t.same(readdirSync(join(folder, 'dist/tests')).sort(), ['a.test.js', 'a.test.js.map'])
})
