import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import type { TlsFiles } from '../../src/configuration/timestamp-authority.ts'
import { Timestamper } from '../../src/timestamp/timestamper.ts'
import { issue } from '../support/certificates.ts'
import {
  createIssuers,
  createResponder,
  FOR_TIMESTAMPS,
  send,
  startTimestampServer,
  verifies,
} from '../support/timestamp-authority.ts'

const directory = t.testdir()
const { root, issuing } = createIssuers(directory)
const signer = issue(directory, {
  ...{ subject: '/CN=Timestamp authority', issuer: issuing, extensions: FOR_TIMESTAMPS },
})
const respond = createResponder(directory, { signer, chain: [issuing] })
const tlsRoot = issue(directory, { subject: '/CN=TLS root', ca: true })
const server = issue(directory, {
  ...{ subject: '/CN=Server', issuer: tlsRoot, extension: 'subjectAltName = IP:127.0.0.1' },
})
const client = issue(directory, { subject: '/CN=Client', issuer: tlsRoot })
const stranger = issue(directory, { subject: '/CN=Stranger' })
const data = Buffer.from('the value of a signature')
const files = {
  caFile: tlsRoot.certificateFile,
  certificateFile: client.certificateFile,
  keyFile: client.keyFile,
}

async function start(t: Test) {
  const started = await startTimestampServer(
    t,
    async (query, response, request) => {
      response.setHeader('client', (request.socket as TLSSocket).getPeerCertificate().subject.CN ?? '')
      send(response, await respond(query))
    },
    {
      ...{ cert: readFileSync(server.certificateFile), key: readFileSync(server.keyFile) },
      ...{ ca: readFileSync(tlsRoot.certificateFile), requestCert: true },
    },
  )
  const timestampers = new Map<TlsFiles, Timestamper>()
  return {
    ...started,
    ask(tls: TlsFiles) {
      const timestamper = timestampers.get(tls) ?? create(started.url, tls)
      timestampers.set(tls, timestamper)
      t.teardown(() => timestamper.close())
      return timestamper.timestamp(data, { deadline: performance.now() + 20_000 })
    },
  }
}

function create(url: URL, tls: TlsFiles): Timestamper {
  const hashAlgorithm = findHashAlgorithm('sha256') as HashAlgorithm
  return new Timestamper({
    authorities: [{ url, tls, hashAlgorithm, trustAnchors: [root.certificate] }],
    observer: { asked() {} },
  })
}

t.test('both sides show a certificate', async (t) => {
  const { ask, seen } = await start(t)
  t.ok(verifies(directory, (await ask(files)).token, data, root))
  await ask(files)
  t.equal(seen.connections, 1, 'one connection for both')
  await t.rejects(ask({ caFile: files.caFile }), {
    cause: { message: /cannot be reached, or broke off \(E|cannot be reached, or broke off \(ERR_SSL/ },
    code: 'TIMESTAMP_UNAVAILABLE',
  })
  const { certificateFile, keyFile } = stranger
  await t.rejects(ask({ ...files, certificateFile, keyFile }), {
    cause: { message: /cannot be reached, or broke off/ },
  })
})

t.test('a server whose certificate is not trusted', async (t) => {
  const { ask, seen } = await start(t)
  const message = /broke off \(UNABLE_TO_VERIFY_LEAF_SIGNATURE|broke off \(SELF_SIGNED_CERT_IN_CHAIN/
  await t.rejects(ask({}), { cause: { message } })
  await t.rejects(ask({ caFile: stranger.certificateFile }), {
    cause: { message: /broke off \(UNABLE_TO|broke off \(SELF_SIGNED/ },
  })
  t.equal(seen.requests.length, 0)
})

t.test('certificates that OpenSSL alone does not find in a file', async (t) => {
  const { ask } = await start(t)
  const caFile = join(t.testdir(), 'glued.pem')
  writeFileSync(caFile, [stranger.certificate, tlsRoot.certificate].map((one) => `${one}`.trim()).join(''))
  t.ok(verifies(directory, (await ask({ ...files, caFile })).token, data, root))
  writeFileSync(caFile, `${stranger.certificate}${tlsRoot.certificate}`.slice(0, -30))
  await t.rejects(ask({ ...files, caFile }), {
    cause: {
      message: /^127\.0\.0\.1:\d+ has a CA file that is wrong: block 2 in it has no matching END line$/,
    },
  })
})

t.test('a chain of the own certificate of which OpenSSL alone does not find all in the file', async (t) => {
  const { ask } = await start(t)
  const between = issue(directory, { subject: '/CN=Client CA', ca: true, issuer: tlsRoot })
  const below = issue(directory, { subject: '/CN=Below', issuer: between })
  const certificateFile = join(t.testdir(), 'indented.pem')
  const indented = `${between.certificate}`.replaceAll(/^/gm, '  ')
  writeFileSync(certificateFile, `${below.certificate}${indented}`)
  const tls = { ...files, certificateFile, keyFile: below.keyFile }
  t.ok(verifies(directory, (await ask(tls)).token, data, root))
  writeFileSync(certificateFile, `${readFileSync(below.keyFile)}${below.certificate}${between.certificate}`)
  t.ok(verifies(directory, (await ask({ ...tls, keyFile: certificateFile })).token, data, root), 'one file')
  writeFileSync(certificateFile, `${below.certificate}${between.certificate}`.slice(0, -30))
  await t.rejects(ask(tls), { cause: { message: /has a certificate file that is wrong: block 2 / } })
})

t.test('changed files count from the next request on', async (t) => {
  const folder = t.testdir()
  const tls = { ...files, certificateFile: join(folder, 'certificate'), keyFile: join(folder, 'key') }
  const use = (file: string, key: string) => {
    writeFileSync(tls.certificateFile, readFileSync(file))
    writeFileSync(tls.keyFile, readFileSync(key))
  }
  const { ask, seen } = await start(t)
  use(client.certificateFile, client.keyFile)
  await ask(tls)
  const renewed = issue(directory, { subject: '/CN=Renewed', issuer: tlsRoot })
  use(renewed.certificateFile, renewed.keyFile)
  await ask(tls)
  t.equal(seen.connections, 2)
})

t.test('files that are missing, broken, or do not belong together', async (t) => {
  const { ask } = await start(t)
  for (const name of ['caFile', 'certificateFile', 'keyFile']) {
    await t.rejects(ask({ ...files, [name]: join(directory, 'missing') }), {
      message: /: it could not be asked; the log has the details$/,
      cause: { message: /^127\.0\.0\.1:\d+ has a (CA|certificate|key) file that cannot be read \(ENOENT\)$/ },
    })
  }
  const broken = join(directory, 'broken')
  writeFileSync(broken, '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')
  for (const keyFile of [broken, stranger.keyFile]) {
    await t.rejects(ask({ ...files, keyFile }), {
      cause: {
        message: /^127\.0\.0\.1:\d+ has TLS files that OpenSSL refuses \(ERR_OSSL_\w+\); correct them$/,
      },
    })
  }
})
