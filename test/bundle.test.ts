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

t.test('packages are bundled whole or not at all, and with one copy of what they share', async (t) => {
  const code =
    "import * as asn1js from 'asn1js'\nimport { Integer } from 'asn1js'\nimport { RSAPublicKey } from 'pkijs'"
  const shares =
    'console.log(new RSAPublicKey().toSchema() instanceof asn1js.Sequence, new Integer() instanceof asn1js.Integer)'
  const folder = t.testdir({
    'package.json': '{ "type": "module", "dependencies": { "asn1js": "1", "pkijs": "1" } }',
    docker: {},
    dist: { src: { 'a.js': `${code}\n${shares}\n` }, test: { 'b.js': "import { Interger } from 'asn1js'" } },
  })
  const path = (name: string) => join(folder, name)
  const program = path('docker/bundle.mjs')
  copyFileSync(repositoryPath('docker/bundle.mjs'), program)
  symlinkSync(repositoryPath('node_modules'), path('node_modules'))
  const run = (...args: string[]) => spawnSync(process.execPath, args, { encoding: 'utf8' })
  const failed = run(program, '--packages')
  t.equal(failed.status, 1)
  t.match(failed.stderr, 'No matching export')
  t.notOk(existsSync(path('dist/node_modules')))

  rmSync(path('dist/test'), { recursive: true })
  const { status, stderr } = run(program, '--packages')
  t.equal(status, 0, stderr)
  t.same(readdirSync(path('dist')).sort(), ['node_modules', 'src'])
  rmSync(path('node_modules'))
  t.equal(run(path('dist/src/a.js')).stdout, 'true true\n')
})
