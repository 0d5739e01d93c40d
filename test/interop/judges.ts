/** The validators of the table, none of which this project wrote. */
import { join } from 'node:path'
import { SIGNATURE_TIMESTAMP, signatureOf, unsignedValue } from '../support/container-parts.ts'
import { faultIn, type JavaDemands } from '../support/validators/bouncy-castle.ts'
import { startDss, WITHOUT_DSS } from '../support/validators/dss.ts'
import { Gpgsm, hasGpgsm } from '../support/validators/gpgsm.ts'
import { cmsutil, makeNssDatabase } from '../support/validators/nss.ts'
import { type Verification, verifyCms, verifyTimestamp } from '../support/validators/openssl.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { Pyhanko, WITHOUT_PYHANKO } from '../support/validators/pyhanko.ts'
import { startBouncyCastle, WITHOUT_JAVA } from '../support/validators/start-bouncy-castle.ts'
import type { Material, Teardown } from './material.ts'
import type { Shape } from './shapes.ts'

/** A PDF with one signature, and what is in it; or a file, and the signature over it. */
export interface Signed {
  /** The PDF or the file. */
  readonly document: Buffer
  /** DER SignedData. */
  readonly cms: Buffer
  /** The bytes that it signs. */
  readonly content: Buffer
}

export interface Judgement {
  /** The fault in the validator's words; undefined where there is none. */
  readonly complaint: string | undefined
  /** The name that it has for the level; only EU DSS names levels. */
  readonly levelName?: string
}

export interface Judge {
  /** The heading of its column. */
  readonly name: string
  /** Whether it may be unable to judge, which OpenSSL's own container of the same shape tells. */
  readonly limited: boolean
  /** Whether it reads signatures in PDFs alone. */
  readonly pdfOnly?: true
  /** Levels that it is asked about; all by default. */
  readonly levels?: readonly Shape['level'][]
  judge(signed: Signed, shape: Shape): Promise<Judgement>
}

const NOT_ONE_WHOLE = 'it does not find one signature, of the whole document but for a DSS dictionary'

/** Warning of EU DSS about the stand-in's plain CMS, which need not have the attribute (ISO 32000-2 12.8.3.3.1). */
const NO_SIGNING_CERTIFICATE = "The signed attribute: 'signing-certificate' is absent!"

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
        judgementOf(await verifyCms({ cms, content, trustAnchors: anchors, cades: type === 'cades' })),
    },
    {
      name: 'OpenSSL, timestamp',
      limited: false,
      levels: ['b-t', 'b-lt'],
      async judge({ cms }) {
        const token = unsignedValue(cms, SIGNATURE_TIMESTAMP)
        return token === undefined
          ? { complaint: 'there is none' }
          : judgementOf(
              await verifyTimestamp({ token, data: signatureOf(cms), trustAnchors: timestampAnchors }),
            )
      },
    },
    {
      name: 'pdfsig',
      limited: true,
      pdfOnly: true,
      judge: ({ document }, shape) => judgeWithPdfsig(document, database, shape),
    },
    {
      name: 'NSS',
      limited: true,
      judge: async ({ cms, content }) => judgementOf(await cmsutil(cms, content, database)),
    },
    ...createGpgsm(t, trust),
    ...(await createJavaJudges(t, trust)),
    ...(await createDss(t, trust)),
    ...createPyhanko(t, trust),
  ]
}

function createGpgsm(t: Teardown, { anchors }: Trust): Judge[] {
  if (!hasGpgsm()) {
    return []
  }
  const gpgsm = new Gpgsm([anchors])
  t.teardown(() => gpgsm.close())
  const judge = async ({ cms, content }: Signed) => judgementOf(await gpgsm.verify(cms, content))
  return [{ name: 'gpgsm', limited: true, judge }]
}

async function createJavaJudges(t: Teardown, { anchors, timestampAnchors }: Trust): Promise<Judge[]> {
  if (WITHOUT_JAVA !== false) {
    return []
  }
  const bouncyCastle = await startBouncyCastle(t)
  const demands = ({ container, type, level }: Shape): JavaDemands => ({
    ...{ anchors, timestampAnchors, type, level },
    overFile: container === 'file',
  })
  return [
    {
      name: 'Bouncy Castle',
      limited: false,
      judge: async ({ cms, content }, shape) => ({
        complaint: faultIn(await bouncyCastle.cms(cms, content, demands(shape))),
      }),
    },
    {
      name: 'PDFBox',
      limited: false,
      pdfOnly: true,
      async judge({ document }, shape) {
        const signatures = await bouncyCastle.pdf(document, demands(shape))
        const signature = onlySignature(signatures, shape)
        return { complaint: signature ? faultIn(signature.findings) : NOT_ONE_WHOLE }
      },
    },
  ]
}

async function createDss(t: Teardown, { anchors, timestampAnchors }: Trust): Promise<Judge[]> {
  if (WITHOUT_DSS !== false) {
    return []
  }
  const dss = await startDss(t)
  return [
    {
      name: 'EU DSS',
      // Its policy takes no SHA-1
      limited: true,
      async judge({ document, cms, content }, { container, dss: hasDictionary, type, level }) {
        // Containers of the other levels bring no revocation data
        const demands = { anchors, timestampAnchors, online: level !== 'b-lt' && !hasDictionary }
        const signed = container === 'file' ? { cms, content } : { pdf: document }
        const [signature, ...others] = await dss.judge(signed, demands)
        if (signature === undefined || others.length > 0) {
          return { complaint: 'it does not find one signature' }
        }
        // The service's own has it
        const isPlain = container === 'raw' && type === 'cms'
        const warnings = signature.warnings.filter((text) => !(isPlain && text === NO_SIGNING_CERTIFICATE))
        const complaints = signature.complaints.length > 0 ? signature.complaints : warnings
        return { complaint: complaints.join('; ') || undefined, levelName: signature.format }
      },
    },
  ]
}

function createPyhanko(t: Teardown, { anchors, timestampAnchors }: Trust): Judge[] {
  if (WITHOUT_PYHANKO !== false) {
    return []
  }
  const pyhanko = new Pyhanko()
  t.teardown(() => pyhanko.close())
  return [
    {
      name: 'pyHanko',
      // Its policy takes no SHA-1
      limited: true,
      pdfOnly: true,
      judge: async ({ document }, { dss, level }) => ({
        complaint: await pyhanko.judge(document, {
          ...{ anchors, timestampAnchors },
          ...(dss ? { revocation: 'dictionary' } : level === 'b-lt' && { revocation: 'container' }),
        }),
      }),
    },
  ]
}

function judgementOf({ valid, message }: Verification): Judgement {
  return { complaint: valid ? undefined : message }
}

/** Returns the one signature of a PDF, after which comes a DSS dictionary or nothing; undefined where it is otherwise. */
function onlySignature<T extends { readonly wholeDocument: boolean }>(
  signatures: readonly T[],
  { dss }: Shape,
): T | undefined {
  const [signature] = signatures
  return signatures.length === 1 && signature?.wholeDocument === !dss ? signature : undefined
}

async function judgeWithPdfsig(pdf: Buffer, database: string, shape: Shape): Promise<Judgement> {
  const { signatures } = await pdfsig(pdf, database)
  const signature = onlySignature(signatures, shape)
  if (signature === undefined) {
    return { complaint: NOT_ONE_WHOLE }
  }
  const said = [signature.validation, signature.certificateValidation].filter(Boolean).join(' ')
  return { complaint: signature.valid && signature.trusted ? undefined : said }
}
