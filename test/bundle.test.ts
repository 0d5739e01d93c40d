/** Bundles hold copies of packages, whose licences demand that they are named. */
import { readdirSync, readFileSync } from 'node:fs'
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
