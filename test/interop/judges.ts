/** The validators of the table, none of which this project wrote. */
import { join } from 'node:path'
import { SIGNATURE_TIMESTAMP, signatureOf, unsignedValue } from '../support/container-parts.ts'
import { faultIn, type JavaDemands } from '../support/validators/bouncy-castle.ts'
import { type DssSignature, startDss, WITHOUT_DSS } from '../support/validators/dss.ts'
import { Gpgsm, hasGpgsm } from '../support/validators/gpgsm.ts'
import { cmsutil, makeNssDatabase } from '../support/validators/nss.ts'
import { type Verification, verifyCms, verifyTimestamp } from '../support/validators/openssl.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { startBouncyCastle, WITHOUT_JAVA } from '../support/validators/start-bouncy-castle.ts'
import type { Material, Teardown } from './material.ts'
import type { Shape } from './shapes.ts'

/** A PDF with one signature, and what is in it. */
export interface Signed {
  readonly pdf: Buffer
  /** DER SignedData. */
  readonly cms: Buffer
  /** The bytes that it signs. */
  readonly content: Buffer
}

/** What is wrong, in the validator's words; undefined where nothing is. */
type Complaint = string | undefined

export interface Judge {
  /** The heading of its column. */
  readonly name: string
  /** Whether it may be unable to judge, which OpenSSL's own container of the same shape tells. */
  readonly limited: boolean
  /** Levels that it is asked about; all by default. */
  readonly levels?: readonly Shape['level'][]
  judge(signed: Signed, shape: Shape): Promise<Complaint>
  /** Returns the name that it has for the level; only one judge names levels. */
  nameLevel?(signed: Signed, shape: Shape): Promise<string>
}

/** What validators trust. */
type Trust = Pick<Material, 'anchors' | 'timestampAnchors' | 'directory'>

/** Those that are installed, started where they have to be; they end with `t`. */
export async function createJudges(t: Teardown, trust: Trust): Promise<readonly Judge[]> {
  const { anchors, timestampAnchors, directory } = trust
  const database = await makeNssDatabase(join(directory, 'nss'), [anchors])
  return [
    {
      name: 'OpenSSL',
      limited: false,
      judge: async ({ cms, content }, { type }) =>
        complaint(await verifyCms({ cms, content, trustAnchors: anchors, cades: type === 'cades' })),
    },
    {
      name: 'OpenSSL, timestamp',
      limited: false,
      levels: ['b-t', 'b-lt'],
      async judge({ cms }) {
        const token = unsignedValue(cms, SIGNATURE_TIMESTAMP)
        return token === undefined
          ? 'there is none'
          : complaint(
              await verifyTimestamp({ token, data: signatureOf(cms), trustAnchors: timestampAnchors }),
            )
      },
    },
    { name: 'pdfsig', limited: true, judge: ({ pdf }) => judgeWithPdfsig(pdf, database) },
    {
      name: 'NSS',
      limited: true,
      judge: async ({ cms, content }) => complaint(await cmsutil(cms, content, database)),
    },
    ...createGpgsm(t, trust),
    ...(await createJavaJudges(t, trust)),
    ...(await createDss(t, trust)),
  ]
}

function createGpgsm(t: Teardown, { anchors }: Trust): Judge[] {
  if (!hasGpgsm()) {
    return []
  }
  const gpgsm = new Gpgsm([anchors])
  t.teardown(() => gpgsm.close())
  const judge = async ({ cms, content }: Signed) => complaint(await gpgsm.verify(cms, content))
  return [{ name: 'gpgsm', limited: true, judge }]
}

async function createJavaJudges(t: Teardown, { anchors, timestampAnchors }: Trust): Promise<Judge[]> {
  if (WITHOUT_JAVA !== false) {
    return []
  }
  const bouncyCastle = await startBouncyCastle(t)
  const demands = ({ type, level }: Shape): JavaDemands => ({ anchors, timestampAnchors, type, level })
  return [
    {
      name: 'Bouncy Castle',
      limited: false,
      judge: async ({ cms, content }, shape) => faultIn(await bouncyCastle.cms(cms, content, demands(shape))),
    },
    {
      name: 'PDFBox',
      limited: false,
      async judge({ pdf }, shape) {
        const signatures = await bouncyCastle.pdf(pdf, demands(shape))
        const [signature] = signatures
        return signatures.length === 1 && signature?.wholeDocument
          ? faultIn(signature.findings)
          : 'it does not find one signature of the whole document'
      },
    },
  ]
}

async function createDss(t: Teardown, { anchors, timestampAnchors }: Trust): Promise<Judge[]> {
  if (WITHOUT_DSS !== false) {
    return []
  }
  const dss = await startDss(t)
  const find = async ({ pdf }: Signed, { level }: Shape): Promise<DssSignature> => {
    // Containers of the other levels bring no revocation data
    const demands = { anchors, timestampAnchors, online: level !== 'b-lt' }
    const signatures = await dss.judge({ pdf }, demands)
    return only(signatures)
  }
  return [
    {
      name: 'EU DSS',
      // Its policy takes no SHA-1
      limited: true,
      judge: async (signed, shape) => (await find(signed, shape)).complaints.join('; ') || undefined,
      nameLevel: async (signed, shape) => (await find(signed, shape)).format,
    },
  ]
}

/** @throws where there is not one */
function only<T>(all: readonly T[]): T {
  if (all.length !== 1) {
    throw new Error(`there are ${all.length} signatures`)
  }
  return all[0] as T
}

function complaint({ valid, message }: Verification): Complaint {
  return valid ? undefined : message
}

async function judgeWithPdfsig(pdf: Buffer, database: string): Promise<Complaint> {
  const { signatures } = await pdfsig(pdf, database)
  const [signature] = signatures
  if (signatures.length !== 1 || !signature?.wholeDocument) {
    return 'it does not find one signature of the whole document'
  }
  return signature.valid && signature.trusted
    ? undefined
    : [signature.validation, signature.certificateValidation].filter(Boolean).join(' ')
}
