import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { type Download, download } from '../../src/revocation/download.ts'
import { startRevocationServer } from '../support/revocation-server.ts'

const server = await startRevocationServer()
t.teardown(() => server.close())

async function get(path: string, options: Partial<Download> = {}): Promise<string> {
  const url = new URL(path, server.url)
  const { signal } = new AbortController()
  return `${await download({ url, limit: 1_000, timeoutMs: 30_000, signal, ...options })}`
}

function redirect(path: string, location: string | undefined, status = 302): void {
  server.on(path, (_, response) => {
    response.writeHead(status, location === undefined ? {} : { location }).end()
    return undefined
  })
}

t.test('what is asked for, and what is posted, with its type', async (t) => {
  server.on('/plain', () => Buffer.from('answer'))
  server.on('/echo', (body, response) => {
    response.setHeader('connection', 'close')
    return body
  })
  t.equal(await get('/plain'), 'answer')
  t.equal(
    await get('/echo', { post: { type: 'application/ocsp-request', body: Buffer.from('asked') } }),
    'asked',
  )
})

t.test('over HTTPS only where the server is trusted', async (t) => {
  const directory = t.testdir()
  const files = ['-keyout', join(directory, 'key.pem'), '-out', join(directory, 'certificate.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName = DNS:localhost']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...files, ...subject], {
    stdio: 'ignore',
  })
  const tls = createServer(
    { key: readFileSync(join(directory, 'key.pem')), cert: readFileSync(join(directory, 'certificate.pem')) },
    (_, response) => response.end('answer'),
  )
  await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve))
  t.teardown(() => tls.close())
  const { port } = tls.address() as AddressInfo
  const url = new URL(`https://localhost:${port}/`)
  await t.rejects(get('/', { url }), { message: 'it cannot be asked: self-signed certificate' })
  redirect('/to-https', url.href)
  await t.rejects(
    get('/to-https'),
    { message: 'it cannot be asked: self-signed certificate' },
    'it is followed there',
  )
})

t.test('redirects are followed three times, to HTTP', async (t) => {
  server.on('/end', (body) => Buffer.concat([Buffer.from('end '), body]))
  redirect('/1', '/end', 301)
  redirect('/2', `${server.url}/1`, 308)
  redirect('/3', '/2', 307)
  redirect('/4', '/3')
  t.equal(await get('/3', { post: { type: 'text/plain', body: Buffer.from('body') } }), 'end body')
  await t.rejects(get('/4'), { message: 'it redirects more than 3 times' })
  for (const location of ['ftp://127.0.0.1/', 'file:///etc/passwd', 'http://[']) {
    redirect('/elsewhere', location)
    await t.rejects(get('/elsewhere'), { message: 'it redirects to where it is not followed' })
  }
  redirect('/nowhere', undefined)
  await t.rejects(get('/nowhere'), { message: 'it answered with HTTP 302' })
  redirect('/other', '/end', 303)
  await t.rejects(get('/other'), { message: 'it answered with HTTP 303' })
})

t.test('what does not answer with 200', async (t) => {
  server.on('/500', (_, response) => {
    response.statusCode = 500
    return Buffer.from('error')
  })
  await t.rejects(get('/500'), { message: 'it answered with HTTP 500' })
  await t.rejects(get('/404'), { message: 'it answered with HTTP 404' })
  server.on('/101', (_, response) => {
    response.writeHead(101, { connection: 'upgrade', upgrade: 'other' }).end()
    return undefined
  })
  await t.rejects(get('/101'), { message: 'it answered with HTTP 101' })
})

t.test('what does not end, or not in time', async (t) => {
  let ended = false
  server.on('/endless', async (_, response) => {
    response.on('close', () => {
      ended = true
    })
    while (!ended) {
      response.write(Buffer.alloc(10_000))
      await new Promise(setImmediate)
    }
    return undefined
  })
  await t.rejects(get('/endless'), { message: 'it answered with more than 1000 bytes' })
  server.on('/silent', () => undefined)
  await t.rejects(get('/silent', { timeoutMs: 50 }), { message: 'it did not answer within 50 ms' })
  server.on('/slow', (_, response) => {
    response.write('begun')
    return undefined
  })
  await t.rejects(get('/slow', { timeoutMs: 200 }), { message: 'it did not answer within 200 ms' })
  server.on('/broken', (_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('begun', () => response.destroy())
    return undefined
  })
  await t.rejects(get('/broken'), { message: 'it cannot be asked: aborted' })
})

t.test('what cannot be reached', async (t) => {
  const closed = createTcpServer()
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
  const { port } = closed.address() as AddressInfo
  await new Promise((resolve) => closed.close(resolve))
  const url = new URL(`http://127.0.0.1:${port}/`)
  await t.rejects(get('/', { url }), {
    message: `it cannot be asked: connect ECONNREFUSED 127.0.0.1:${port}`,
  })
})

t.test('who does not want it any more is not kept waiting', async (t) => {
  const controller = new AbortController()
  const asked = get('/silent', { signal: controller.signal })
  setTimeout(() => controller.abort(), 50)
  await t.rejects(asked, { name: 'AbortError' })
  await t.rejects(get('/plain', { signal: controller.signal }), { name: 'AbortError' })
})
