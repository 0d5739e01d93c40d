import { runCommand } from '../support/command.ts'
import { signPdf } from '../support/document-engine/sign-pdf.ts'
import { tokenFor } from '../support/signers.ts'
import { readPdfSignatures } from '../support/validators/pdf-signatures.ts'
import { withTemporaryFiles } from '../support/validators/temporary-files.ts'
import { signControl } from './control.ts'
import type { Judge, Signed } from './judges.ts'
import type { Material } from './material.ts'
import { containerName, europeanName, KEYS, type KeyKind, type Shape, signerOf } from './shapes.ts'

export interface Verdict {
  readonly outcome: 'valid' | 'cannot judge' | 'INVALID' | 'not asked'
  /** In the validator's words, where it is not valid. */
  readonly complaint?: string
}

/** What all validators say of one shape, by their names. */
export interface Row {
  readonly shape: Shape
  readonly verdicts: Readonly<Record<string, Verdict>>
}

/** Has the service sign the PDF, as Document Engine would, or the command. */
export async function signShape(material: Material, original: Uint8Array, shape: Shape): Promise<Signed> {
  const { container, dss, type, level, hash } = shape
  const { metadata }: KeyKind = KEYS[shape.key]
  if (container === 'file') {
    return signFile(material, original, shape)
  }
  const { pdf } = await signPdf({
    ...{ pdf: original, url: material.url, container, type, hash, timeoutMs: 30_000 },
    ...{ signingToken: tokenFor(signerOf(shape)), dss },
    tsaUrl: level === 'b-b' ? undefined : material.authorities.timestampUrl,
    ...metadata,
  })
  const signature = readPdfSignatures(pdf).at(-1)
  if (signature === undefined) {
    throw new Error('the signed PDF has no signature')
  }
  return { document: pdf, cms: signature.cms, content: signature.signedBytes }
}

function signFile(material: Material, original: Uint8Array, shape: Shape): Promise<Signed> {
  return withTemporaryFiles({ original }, async (path) => {
    const { exitCode, stdout, stderr } = await runCommand(
      material.environment,
      ...['sign', path.original, '--signer', signerOf(shape), '--type', shape.type, '--hash', shape.hash],
      '--json',
    )
    if (exitCode !== 0) {
      throw new Error(stderr)
    }
    const document = Buffer.from(original)
    return { document, cms: Buffer.from(JSON.parse(stdout).signature, 'base64'), content: document }
  })
}

/** A shape that could not be signed is invalid to all. */
export async function judgeShape(
  material: Material,
  judges: readonly Judge[],
  original: Uint8Array,
  shape: Shape,
): Promise<Row> {
  const signed = await signShape(material, original, shape).catch(({ message }: Error) => message)
  const verdicts = judges.map(async (judge): Promise<[string, Verdict]> => {
    const verdict =
      typeof signed === 'string'
        ? ({ outcome: 'INVALID', complaint: signed } as const)
        : await judgeSigned({ material, judge, original, shape, signed })
    return [judge.name, verdict]
  })
  return { shape, verdicts: Object.fromEntries(await Promise.all(verdicts)) }
}

export interface Case {
  readonly material: Material
  readonly judge: Judge
  readonly original: Uint8Array
  readonly shape: Shape
  readonly signed: Signed
}

/** Tells what a validator says of what was signed, which is claimed to be of a shape. */
export async function judgeSigned({ material, judge, original, shape, signed }: Case): Promise<Verdict> {
  if (judge.levels?.includes(shape.level) === false || (judge.pdfOnly && shape.container === 'file')) {
    return { outcome: 'not asked' }
  }
  const claimed = europeanName(shape)
  const { complaint, levelName = claimed } = await judge.judge(signed, shape)
  if (levelName !== claimed) {
    return { outcome: 'INVALID', complaint: `it is ${levelName}, not ${claimed}` }
  }
  if (complaint === undefined) {
    return { outcome: 'valid' }
  }
  if (!judge.limited) {
    return { outcome: 'INVALID', complaint }
  }
  // Another reason would hide what is wrong with ours. The control has no timestamp, and its PDF no DSS dictionary
  const control = await signControl(material, original, shape)
  const { dss, ...rest } = shape
  const ofControl = await judge.judge(control, { ...rest, level: 'b-b' })
  return { outcome: ofControl.complaint === complaint ? 'cannot judge' : 'INVALID', complaint }
}

/** These cannot read SignedData.crls where an OCSP response is in it (RFC 5940), whoever made the container. */
const UNREADABLE: readonly string[] = ['NSS: file cades b-lt', 'gpgsm: file cades b-lt']

/**
 * Returns the containers, types and levels of which a validator found none valid: where it cannot judge any, it is the
 * test that has something wrong.
 */
export function unjudged(rows: readonly Row[]): string[] {
  const judged = new Map<string, boolean>()
  for (const { shape, verdicts } of rows) {
    for (const [judge, { outcome }] of Object.entries(verdicts)) {
      const key = `${judge}: ${containerName(shape)} ${shape.type} ${shape.level}`
      judged.set(key, judged.get(key) === true || outcome === 'valid' || outcome === 'not asked')
    }
  }
  return [...judged].filter(([key, done]) => !done && !UNREADABLE.includes(key)).map(([key]) => key)
}
