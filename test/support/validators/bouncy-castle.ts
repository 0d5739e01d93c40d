import { startJavaProgram } from './java.ts'
import { withTemporaryFiles } from './temporary-files.ts'
import type { ValidatorProcess } from './validator-process.ts'

/** What each check came to, by its name: `good`, or what is wrong. */
export type Findings = Readonly<Record<string, string>>

export interface JavaDemands {
  /** Paths of PEM files with trust anchors. */
  readonly anchors: string
  /** Wanted where a timestamp is. */
  readonly timestampAnchors?: string
  readonly type: 'cms' | 'cades'
  /** Whether the container is over a file of its own; by default it is one of a PDF. */
  readonly overFile?: boolean
  /** What must be in the container; b-b by default. */
  readonly level?: 'b-b' | 'b-t' | 'b-lt'
  /** The time of judgement; that of the signature by default. */
  readonly at?: Date
}

export interface PdfboxSignature {
  readonly fieldName: string
  readonly subFilter: string
  /** Whether nothing was appended after this signature. */
  readonly wholeDocument: boolean
  readonly findings: Findings
}

/** What is not good, in one line; undefined when all is. */
export function faultIn(findings: Findings): string | undefined {
  const faults = Object.entries(findings).filter(([, finding]) => finding !== 'good')
  return faults.length === 0 ? undefined : faults.map((fault) => fault.join(': ')).join('; ')
}

/**
 * Bouncy Castle, and Apache PDFBox with it, in one Java process that judges one thing after another and never uses the
 * network: signature, path at the time of the signature, signing-certificate-v2 and, by level, timestamp and revocation.
 */
export class BouncyCastle {
  readonly #process: ValidatorProcess

  /** @param libraries as `findJavaLibraries` returns them */
  static async start(libraries: string): Promise<BouncyCastle> {
    return new BouncyCastle(await startJavaProgram('bouncy-castle', libraries))
  }

  private constructor(process: ValidatorProcess) {
    this.#process = process
  }

  /** Judges a detached SignedData over `content`. */
  async cms(cms: Uint8Array, content: Uint8Array, demands: JavaDemands): Promise<Findings> {
    const { findings } = await withTemporaryFiles({ cms, content }, (paths) =>
      this.#process.ask({ ...paths, ...fieldsOf(demands) }),
    )
    return findings as Findings
  }

  /** Judges all signatures of a PDF, in the order of the file, each by the same demands. */
  async pdf(pdf: Uint8Array, demands: JavaDemands): Promise<readonly PdfboxSignature[]> {
    const { signatures } = await withTemporaryFiles({ pdf }, (paths) =>
      this.#process.ask({ ...paths, ...fieldsOf(demands) }),
    )
    return signatures as readonly PdfboxSignature[]
  }

  /**
   * Judges a chain without revocation, with the JDK's own PKIX as `SUN` and with Bouncy Castle's as `BC`.
   *
   * @param chain PEM, leaf first, without the anchor
   * @param anchors path of a PEM file
   */
  async chain(chain: string, anchors: string): Promise<Findings> {
    const { findings } = await withTemporaryFiles({ chain }, (paths) =>
      this.#process.ask({ ...paths, anchors }),
    )
    return findings as Findings
  }

  /** Ends the process once it has answered all. */
  async close(): Promise<void> {
    await this.#process.close()
  }
}

function fieldsOf({ anchors, timestampAnchors, type, overFile, level = 'b-b', at }: JavaDemands) {
  return {
    ...{ anchors, type, level },
    ...(overFile && { overFile: 'true' }),
    ...(timestampAnchors === undefined ? {} : { timestampAnchors }),
    ...(at === undefined ? {} : { at: String(at.getTime()) }),
  }
}
