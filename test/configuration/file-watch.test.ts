import { createHook } from 'node:async_hooks'
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { fileVersion } from '../../src/common/file-version.ts'
import { FileWatch } from '../../src/configuration/file-watch.ts'
import { until } from '../support/signing.ts'

const INTERVAL_MS = 50
/** Time for some looks. */
const LONG_MS = 6 * INTERVAL_MS

/** Watches two files from now on. */
async function start(t: Test) {
  const directory = t.testdir({ one: 'one', two: 'two' })
  const path = (name: string) => join(directory, name)
  const files = [path('one'), path('two')]
  let changes = 0
  const watch = new FileWatch(INTERVAL_MS, () => {
    changes += 1
  })
  t.teardown(() => watch.stop())
  await watch.watch(files)
  watch.start()
  return {
    watch,
    files,
    path,
    changes: () => changes,
    /** Once it is told, and no more is told. */
    async told(count: number) {
      await until(`${count} changes are told`, () => changes >= count)
      await delay(LONG_MS)
      t.equal(changes, count)
    },
  }
}

t.test('files that do not change are not told', async (t) => {
  const { told } = await start(t)
  await delay(LONG_MS)
  await told(0)
})

t.test('each change is told once, whatever it is', async (t) => {
  const { path, told } = await start(t)
  writeFileSync(path('one'), 'other')
  await told(1)
  writeFileSync(path('new'), 'other')
  renameSync(path('new'), path('two'))
  await told(2)
  rmSync(path('one'))
  await told(3)
  writeFileSync(path('one'), 'other')
  await told(4)
  utimesSync(path('one'), 1, 1)
  await told(5)
})

t.test('a symbolic link that leads elsewhere is a change, as when Kubernetes renews a secret', async (t) => {
  const { watch, path, told } = await start(t)
  for (const version of ['v1', 'v2']) {
    mkdirSync(path(version))
    writeFileSync(path(`${version}/tls.crt`), 'same size')
  }
  symlinkSync(path('v1'), path('data'))
  symlinkSync('data/tls.crt', path('tls.crt'))
  await watch.watch([path('tls.crt')])
  symlinkSync(path('v2'), path('data.new'))
  renameSync(path('data.new'), path('data'))
  await told(1)
})

t.test('what is being written is not read before it is whole', async (t) => {
  const { path, changes, told } = await start(t)
  for (let count = 0; count < 30; count++) {
    appendFileSync(path('one'), 'more')
    await delay(INTERVAL_MS / 5)
    t.equal(changes(), 0)
  }
  await told(1)
})

t.test('other files can be watched from now on', async (t) => {
  const { watch, files, path, told } = await start(t)
  writeFileSync(path('three'), 'three')
  await watch.watch([path('three')])
  writeFileSync(files[0] as string, 'nobody cares')
  await told(0)
  writeFileSync(path('three'), 'changed')
  await told(1)
})

t.test('what changes while files are read is a change', async (t) => {
  const { watch, files, path, told } = await start(t)
  await watch.takeAsKnown()
  // Read by now, and written again
  writeFileSync(path('one'), 'other')
  await watch.watch([...files, path('three')])
  await told(1)
})

t.test('what has changed since it was read is a change, of files that were not watched before', async (t) => {
  const { watch, files, path, told } = await start(t)
  const read = new Map([path('three'), ...files].map((file) => [file, fileVersion(file)]))
  writeFileSync(path('three'), 'it is there by now')
  await watch.watch([...files, path('three')], read)
  await told(1)
})

t.test('what has been read was told', async (t) => {
  const { watch, path, told } = await start(t)
  writeFileSync(path('one'), 'other')
  await watch.takeAsKnown()
  await told(0)
})

t.test('it ends', async (t) => {
  const { watch, path, changes } = await start(t)
  writeFileSync(path('one'), 'other')
  watch.stop()
  await delay(LONG_MS)
  t.equal(changes(), 0)
})

t.test(
  'one file is looked at after the other, so that a file server that is away keeps one thread',
  async (t) => {
    const { watch, files, path } = await start(t)
    watch.stop()
    const looks = new Set<number>()
    let most = 0
    const hook = createHook({
      init(id, type) {
        if (type === 'FSREQPROMISE') {
          looks.add(id)
          most = Math.max(most, looks.size)
        }
      },
      before: (id) => void looks.delete(id),
    }).enable()
    await watch.watch([...files, path('three'), path('four')])
    await watch.takeAsKnown()
    hook.disable()
    t.equal(most, 1)
  },
)
