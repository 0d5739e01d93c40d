import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { repositoryPath } from './support/repository.ts'

const directory = t.testdir()
copyFileSync(repositoryPath('package.json'), join(directory, 'package.json'))

function start() {
  return spawnSync('npm', ['start'], { cwd: directory, encoding: 'utf8' })
}

t.test('npm start in a clone that was not built says what to run', async (t) => {
  const { status, stdout, stderr } = start()
  t.equal(status, 1)
  t.match(stderr, /^The service is not built yet; run: npm ci && npm run build$/m)
  t.notMatch(`${stdout}${stderr}`, /^ {4}at /m, 'there is no stack')
})

t.test('npm start in one that was built starts the service', async (t) => {
  mkdirSync(join(directory, 'dist', 'bundle'), { recursive: true })
  writeFileSync(join(directory, 'dist', 'bundle', 'server.js'), "console.log('started')")
  const { status, stdout } = start()
  t.equal(status, 0)
  t.match(stdout, /^started$/m)
})
