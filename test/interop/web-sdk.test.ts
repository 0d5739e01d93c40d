/** Documents of pages whose signer has OCSP for each certificate of its chain, which is what the SDK has room for. */
import { join } from 'node:path'
import t from 'tap'
import { startDss, WITHOUT_DSS } from '../support/validators/dss.ts'
import { startBouncyCastle } from '../support/validators/start-bouncy-castle.ts'
import { startWebSdkMaterial } from '../support/web-sdk/material.ts'
import { askBouncyCastle, askDss, CASES, nameOf, signCase, signLongTerm } from './web-sdk-documents.ts'

const LEVEL_NAMES = { CAdES: 'PAdES-BASELINE', CMS: 'PKCS7' } as const

t.test('where every certificate has OCSP', { skip: WITHOUT_DSS }, async (t) => {
  const keys = ['rsa', 'pss', 'p-256'] as const
  const material = await startWebSdkMaterial(t, join(t.testdir(), 'material'), { keys, issuingBy: 'ocsp' })
  const dss = await startDss(t)
  const bouncyCastle = await startBouncyCastle(t)

  for (const level of ['b-b', 'b-t'] as const) {
    t.test(`the validators agree on ${level}`, async (t) => {
      for (const one of CASES) {
        const signed = await signCase(material, one, level)
        const name = `${LEVEL_NAMES[one.type]}-${level === 'b-b' ? 'B' : 'T'}`
        t.equal(await askDss(dss, signed, material, true), name, nameOf(one))
        const { type } = one
        t.equal(await askBouncyCastle(bouncyCastle, signed, material, { type, level }), undefined)
      }
    })
  }

  t.test('once nobody can be asked any more', async (t) => {
    const { asSdk, keepingToken } = await signLongTerm(material)
    await material.authorities.server.close()

    for (const [one, signed] of [...asSdk].filter(([{ form }]) => form === 'pkcs7')) {
      t.test(`${nameOf(one)} is LT to EU DSS`, async (t) => {
        // The callback also answers the CRL about the timestamp, which its container has among the signed attributes
        t.equal(signed.handed.crls.length, one.address === 'callback' ? 1 : 0)
        t.equal(signed.handed.ocspResponses.length, 2)
        t.equal(await askDss(dss, signed, material), `${LEVEL_NAMES[one.type]}-LT`)
        const { type } = one
        t.equal(await askBouncyCastle(bouncyCastle, signed, material, { type, level: 'b-t' }), undefined)
      })
    }

    for (const [one, signed] of keepingToken) {
      t.test(`${nameOf(one)} is LT to EU DSS with the token as it came`, async (t) => {
        t.equal(await askDss(dss, signed, material), `${LEVEL_NAMES[one.type]}-LT`)
        const { type } = one
        t.equal(await askBouncyCastle(bouncyCastle, signed, material, { type, level: 'b-t' }), undefined)
      })
    }

    for (const [one, signed] of [...asSdk].filter(([{ form }]) => form === 'raw')) {
      t.test(`${nameOf(one)} is T to EU DSS with the token as the SDK encodes it anew`, async (t) => {
        const said = await askDss(dss, signed, material)
        t.equal(
          said,
          `${LEVEL_NAMES[one.type]}-T: timestamp: INDETERMINATE CERTIFICATE_CHAIN_GENERAL_FAILURE`,
        )
      })
    }

    t.test('Bouncy Castle finds the revocation data of the authority in its timestamp', async (t) => {
      const demands = { type: 'CAdES', level: 'b-lt' } as const
      for (const [one, signed] of [...asSdk, ...keepingToken].filter(([{ type }]) => type === 'CAdES')) {
        const fault = await askBouncyCastle(bouncyCastle, signed, material, demands)
        const isArchived = one.address === 'callback' && one.form === 'pkcs7'
        const isKept = one.form === 'pkcs7' || signed === keepingToken.get(one)
        // Those about the signer are in the DSS dictionary
        t.equal(fault?.includes('timestamp-revocation') ?? false, !isKept, nameOf(one))
        t.equal(fault === undefined, isArchived, `${nameOf(one)}: ${fault}`)
      }
    })
  })
})
