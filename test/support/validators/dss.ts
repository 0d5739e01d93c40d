import { findJavaLibraries, startJavaProgram } from './java.ts'
import { withTemporaryFiles } from './temporary-files.ts'
import type { Answer, ValidatorProcess } from './validator-process.ts'

export interface DssDemands {
  /** Paths of PEM files with trust anchors. */
  readonly anchors: string
  readonly timestampAnchors: string
  /** Whether OCSP responders and CRLs are asked; otherwise what is judged must bring all that is needed. */
  readonly online: boolean
}

export interface DssSignature {
  /** The name of its level, such as PAdES-BASELINE-T. */
  readonly format: string
  /** The reasons why it is not TOTAL_PASSED, or one of its timestamps not PASSED; empty where there are none. */
  readonly complaints: readonly string[]
  /** Warnings of the validation by its policy, which do not keep it from TOTAL_PASSED. */
  readonly warnings: readonly string[]
}

const libraries = findJavaLibraries('dss')

/** Why tests that need it are skipped; false where it is there. */
export const WITHOUT_DSS = libraries === undefined && 'docker/install-tools.sh java maven dss installs it'

/** Returns the DSS of the European Commission, in one Java process that ends with `t`; it judges by its default policy. */
export async function startDss(t: { teardown(act: () => Promise<void>): void }): Promise<Dss> {
  const process = await startJavaProgram('dss', `${libraries}`)
  t.teardown(() => process.close())
  return new Dss(process)
}

export class Dss {
  readonly #process: ValidatorProcess

  constructor(process: ValidatorProcess) {
    this.#process = process
  }

  /**
   * Judges the signatures of a PDF, or of a DER SignedData over `content`.
   *
   * @throws with what DSS says where it cannot read what it is given
   */
  async judge(
    signed: Readonly<Record<'pdf', Uint8Array> | Record<'cms' | 'content', Uint8Array>>,
    { anchors, timestampAnchors, online }: DssDemands,
  ): Promise<readonly DssSignature[]> {
    const { signatures } = await withTemporaryFiles<string, Answer>(signed, (paths) =>
      this.#process.ask({ ...paths, anchors, timestampAnchors, ...(online && { online: 'true' }) }),
    )
    return signatures as readonly DssSignature[]
  }
}
