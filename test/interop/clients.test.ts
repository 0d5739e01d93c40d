/** The programs that docs/without-document-engine.md shows: what they sign, and what they say where they are refused. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { repositoryPath } from '../support/repository.ts'
import { startDss } from '../support/validators/dss.ts'
import { CLIENT_SHAPES, CLIENTS_PAGE, judgeClients, startClients, WITHOUT_CLIENTS } from './clients.ts'
import { startMaterial } from './material.ts'
import { nameOf, type Shape } from './shapes.ts'

t.test('the page names the versions that are installed here', async (t) => {
  const read = (path: string) => readFileSync(repositoryPath(path), 'utf8')
  const [, pyhanko = ''] = /^pyhanko==(\S+)/m.exec(read('docker/python/pyhanko.txt')) as RegExpExecArray
  const [, dss = ''] = /<version.dss>(.*)<\/version.dss>/.exec(read('docker/dss/pom.xml')) as RegExpExecArray
  t.ok(CLIENTS_PAGE.includes(`pip install pyHanko==${pyhanko}\``), pyhanko)
  t.ok(CLIENTS_PAGE.includes(`version ${dss} of the libraries`), dss)
})

t.test('programs of the page', { skip: WITHOUT_CLIENTS }, async (t) => {
  const [raw, container] = CLIENT_SHAPES as [Shape, Shape]
  const directory = t.testdir()
  const path = (name: string) => join(directory, name)
  const material = await startMaterial(t, path('material'), [raw, container])
  const dss = await startDss(t)

  for (const [shape, level] of [
    [raw, 'LT'],
    [container, 'LTA'],
  ] as const) {
    t.test(`with ${nameOf(shape)} EU DSS calls it ${level}, and asks nobody`, async (t) => {
      const outcomes = await judgeClients(path(shape.container), material, dss, { shape, level })
      t.same(outcomes, { pyHanko: undefined, 'EU DSS': undefined })
    })
  }

  t.test('say why the service refuses', async (t) => {
    const walk = await startClients(path('refused'), material, { shape: raw, level: 'LT', signer: 'nobody' })
    for (const program of ['pyHanko', 'EU DSS']) {
      const error = await walk.runNext().then(
        () => undefined,
        (error) => error,
      )
      t.match(error, { code: 1, stderr: /refused: .*"code":"UNKNOWN_SIGNER"/ }, program)
    }
    t.same(walk.left, [])
  })

  t.test('of pyHanko refuses a container without a timestamp', async (t) => {
    const shape = { ...raw, container: 'pkcs7' } as const
    const walk = await startClients(path('without-timestamp'), material, { shape, level: 'LT' })
    await t.rejects(walk.runNext(), { code: 1, stderr: /needs the level b-t or b-lt/ })
  })

  t.test('write no PDF without revocation information', async (t) => {
    material.authorities.server.on('/issuing', (_, response) => {
      response.writeHead(503).end()
      return undefined
    })
    const walk = await startClients(path('unanswered'), material, { shape: raw, level: 'LT' })
    await t.rejects(walk.runNext(), { code: 1, stderr: /InsufficientRevinfoError/ }, 'pyHanko')
    await t.rejects(walk.runNext(), { code: 1, stderr: /Revocation data is missing/ }, 'EU DSS')
    t.same(
      readdirSync(path('unanswered')).filter((name) => name.endsWith('.pdf')),
      ['in.pdf'],
    )
  })
})
