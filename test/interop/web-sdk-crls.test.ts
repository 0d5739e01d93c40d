/** Documents of pages whose signer's CA is checked by a CRL alone, for which the SDK has no room in the DSS dictionary. */
import { join } from 'node:path'
import t from 'tap'
import { startDss, WITHOUT_DSS } from '../support/validators/dss.ts'
import { startWebSdkMaterial } from '../support/web-sdk/material.ts'
import type { SignedDocument } from '../support/web-sdk/sign-document.ts'
import { askDss, CASES, type Case, nameOf, signCase, signLongTerm } from './web-sdk-documents.ts'

const RAW = CASES.find(({ form, type }) => form === 'raw' && type === 'CAdES') as Case

t.test('where a CA is checked by a CRL', { skip: WITHOUT_DSS }, async (t) => {
  const keys = ['rsa', 'pss', 'p-256'] as const
  const material = await startWebSdkMaterial(t, join(t.testdir(), 'material'), { keys })
  const dss = await startDss(t)
  const { asSdk, keepingToken } = await signLongTerm(material)
  const withCrl = await signCase(material, RAW, 'b-lt', { writesCrls: true })
  await material.authorities.server.close()

  for (const [one, signed] of [...[...asSdk].filter(([{ form }]) => form === 'pkcs7'), ...keepingToken]) {
    t.test(`${nameOf(one)} is LT to EU DSS, which finds the CRL in the timestamp`, async (t) => {
      t.equal(signed.handed.ocspResponses.length, 1)
      t.not(signed.handed.crls.length, 0)
      t.notOk(signed.pdf.includes('/CRLs'))
      t.equal(await askDss(dss, signed, material), one.type === 'CAdES' ? 'PAdES-BASELINE-LT' : 'PKCS7-LT')
    })
  }

  t.test('a CRL that the SDK drops with what else the timestamp brings is missed', async (t) => {
    t.match(
      await askDss(dss, asSdk.get(RAW) as SignedDocument, material),
      /^PAdES-BASELINE-T: .*No revocation data found/,
    )
    t.notMatch(await askDss(dss, withCrl, material), /No revocation data found/, 'a page can write it')
  })
})
