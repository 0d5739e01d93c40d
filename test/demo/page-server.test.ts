/** The server of the demo's page, asked for what a page of anybody can have a browser on this machine ask for. */
import { request } from 'node:http'
import t from 'tap'
import { startPageServer } from '../../docker/demo/page-server.ts'
import { choosePort } from '../../docker/demo/port.ts'

const folder = t.testdir({ 'index.html': '<p>', 'page.css': '', 'sample.pdf': '' })
const server = await startPageServer({
  ...{ port: await choosePort(0), service: 'http://127.0.0.1:1', signers: [] },
  tokens: { environment: {}, issue: async () => 'token' },
  anchors: { root: `${folder}/index.html`, nssDatabase: folder },
  ...{ folder, samplePdf: `${folder}/sample.pdf`, script: Promise.resolve('') },
})
t.teardown(() => server.close())

/** Returns the status of a GET, whose address goes out as it stands here. */
function statusOf(path: string): Promise<number | undefined> {
  const { hostname, port } = new URL(server.url)
  return new Promise((resolve, reject) => {
    request({ hostname, port, path }, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end()
  })
}

t.test('an address that is none is nothing there, and says nothing in the terminal', async (t) => {
  const told = t.capture(console, 'error')
  t.equal(await statusOf('/'), 200)
  for (const path of [
    '//',
    '///',
    '//[',
    '/%',
    '/\\',
    'http://',
    'http://[',
    '*',
    '//a:b/',
    '/constructor',
  ]) {
    t.equal(await statusOf(path), 404, path)
  }
  t.same(told(), [])
})
