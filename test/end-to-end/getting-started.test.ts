/** The commands of docs/getting-started.md and of docs/tokens.md about SoftHSM, as they stand there. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { choosePort } from '../../docker/demo/port.ts'
import { startDemo } from '../../docker/demo/start.ts'
import { readPage } from '../support/pages.ts'
import { repositoryPath } from '../support/repository.ts'
import { createSigningToken } from '../support/token.ts'
import { readWalk } from '../support/walk.ts'

const SIGN_PDF = fileURLToPath(new URL('../support/document-engine/cli.js', import.meta.url))

const directory = t.testdir({ softhsm: {} })
const path = (name: string) => join(directory, name)
const { environment } = await createSigningToken(path('token'))

t.test('a token of SoftHSM signs', async (t) => {
  const walk = readWalk(readPage('docs/tokens.md'), path('softhsm'), [
    ['/usr/lib/softhsm/libsofthsm2.so', `${environment.HSM_MODULE}`],
  ])
  const printed = await walk.runNext()
  t.match(printed, /^ok +test signature +50 of 50 verify/m)
  t.notMatch(printed, /^failed/m)
  t.same(walk.left, [])
})

t.test('the requests of Document Engine', async (t) => {
  const ports = { service: await choosePort(0), page: await choosePort(0), authorities: await choosePort(0) }
  const demo = await startDemo({ folder: path('demo'), ports })
  t.teardown(() => demo.stop())
  await demo.server.ready(60_000)
  const page = await demo.startPage()
  copyFileSync(repositoryPath('test/support/document-engine/sample.pdf'), path('in.pdf'))
  const walk = readWalk(readPage('docs/getting-started.md'), directory, [
    ['http://127.0.0.1:6080', demo.service],
    ['http://127.0.0.1:6081', page],
    ['.demo/certificates-not-for-production/root.pem', demo.anchors.root],
    ['npm run sign-pdf --', `'${process.execPath}' '${SIGN_PDF}'`],
  ])
  t.equal(walk.next(), 'npm run demo\n')
  t.match(await walk.runNext(), 'Usage: npm run sign-pdf')
  await walk.runNext()
  t.equal(await walk.runNext(), 'Verified OK\n')
  await walk.runNext()
  t.match(JSON.parse(await walk.runNext()), { statusCode: 400, code: 'UNKNOWN_ACTION' })
  t.same(walk.left, [])
})
