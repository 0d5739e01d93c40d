/** Documents of pages whose signer's CA is checked by a CRL alone, for which the SDK has no room. */
import { join } from 'node:path'
import t from 'tap'
import { startDss, WITHOUT_DSS } from '../support/validators/dss.ts'
import { startWebSdkMaterial } from '../support/web-sdk/material.ts'
import type { SignedDocument } from '../support/web-sdk/sign-document.ts'
import { askDss, CASES, type Case, nameOf, signCase } from './web-sdk-documents.ts'

t.test('where a CA is checked by a CRL', { skip: WITHOUT_DSS }, async (t) => {
  const keys = ['rsa', 'pss', 'p-256'] as const
  const material = await startWebSdkMaterial(t, join(t.testdir(), 'material'), { keys })
  const dss = await startDss(t)
  const withCrls = new Map<Case, SignedDocument>()
  const asSdk = new Map<Case, SignedDocument>()
  for (const one of CASES) {
    const keepsToken = one.form === 'raw'
    withCrls.set(one, await signCase(material, one, 'b-lt', { keepsToken, writesCrls: true }))
    asSdk.set(one, await signCase(material, one, 'b-lt', { keepsToken }))
  }
  await material.authorities.server.close()

  for (const [one, signed] of withCrls) {
    t.test(`${nameOf(one)} is LT to EU DSS where the page writes the CRL`, async (t) => {
      t.equal(signed.handed.ocspResponses.length, 1)
      t.not(signed.handed.crls.length, 0)
      const name = one.type === 'CAdES' ? 'PAdES-BASELINE-LT' : 'PKCS7-LT'
      t.equal(await askDss(dss, signed, material), name)
    })
  }

  for (const [one, signed] of asSdk) {
    t.test(`${nameOf(one)} without the CRL`, async (t) => {
      const said = await askDss(dss, signed, material)
      // Containers of the callback have it among their signed attributes
      const isArchived = one.address === 'callback' && one.form === 'pkcs7'
      t.equal(/-LT$/.test(said), isArchived, said)
    })
  }
})
