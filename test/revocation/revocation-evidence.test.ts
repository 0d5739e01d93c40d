import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { gatherEvidence } from '../../src/revocation/revocation-evidence.ts'
import { issueResponder } from '../support/authorities.ts'
import { issue } from '../support/certificates.ts'
import { crlAt, issueRevocationChain, ocspAt } from '../support/revocation-chain.ts'
import { startRevocationServer } from '../support/revocation-server.ts'
import { watchChain } from '../support/revocation-watch.ts'

t.test('a CRL that several certificates and their responders need is embedded once', async (t) => {
  const directory = mkdtempSync(join(t.testdir(), 'chain-'))
  const server = await startRevocationServer()
  t.teardown(() => server.close())
  const list = crlAt(`${server.url}/authority.crl`)
  const extension = ocspAt(`${server.url}/ocsp`)
  const { root, authority, leaf, certificates } = issueRevocationChain(directory, {
    leaf: extension,
    authority: crlAt(`${server.url}/root.crl`),
  })
  const crls = { '/authority.crl': await authority.crl(), '/root.crl': await root.crl() }
  const signer = issueResponder(directory, authority.issued, list)
  const byOcsp = issue(directory, { subject: '/CN=second', issuer: authority.issued, extension })
  const byCrl = issue(directory, { subject: '/CN=third', issuer: authority.issued, extension: list })
  authority.know(leaf.certificate)
  authority.know(byOcsp.certificate)
  server.on('/ocsp', (request) => authority.respond(request, { signer }))
  server.on('/authority.crl', () => crls['/authority.crl'])
  server.on('/root.crl', () => crls['/root.crl'])
  const { service } = watchChain([])
  t.teardown(() => service.stop())
  const above = certificates.slice(1)
  const paths = [certificates, [byOcsp.certificate, ...above], [byCrl.certificate, ...above]]
  service.watch(paths)
  const gather = () => gatherEvidence(paths, service)
  while (gather().covered.length < 3) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const { values } = gather()
  t.equal(values?.ocspResponses.length, 2)
  t.same(values?.crls.map((crl) => Buffer.from(crl).toString('hex')).sort(), hexOf(Object.values(crls)))
})

function hexOf(values: readonly Buffer[]): string[] {
  return values.map((value) => value.toString('hex')).sort()
}
