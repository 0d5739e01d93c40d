/** The steps of a check on timestamp authorities. */
import type { X509Certificate } from 'node:crypto'
import type { Proxies } from '../../common/proxies.ts'
import type { HsmConfiguration } from '../../configuration/configuration.ts'
import type {
  ContainerConfiguration,
  TimestampConfiguration,
} from '../../configuration/container-configuration.ts'
import { nameAuthorities } from '../../configuration/timestamp-authority.ts'
import { Timestamper } from '../../timestamp/timestamper.ts'
import { describeSubject } from '../../x509/validity.ts'
import type { Report } from './report.ts'

type Authorities = TimestampConfiguration['authorities']
type Path = readonly X509Certificate[]

/** What became of the question to one authority. */
interface Answer {
  readonly ms: number
  /** What was wrong, beginning with the authority's name; undefined where there is a timestamp. */
  readonly problem: string | undefined
}

interface Answers {
  /** By the authorities' names. */
  readonly answers: ReadonlyMap<string, Answer>
  /** Of those that gave a timestamp, in their order. */
  readonly sent: readonly Path[]
  /** Those about which others may be asked. */
  readonly known: readonly Path[]
}

/** Asks each authority once, however many signers have their containers timestamped by it. */
export class TimestampSteps {
  readonly #proxies: Proxies
  readonly #asked = new Map<Authorities, Promise<Answers>>()

  constructor(proxies: Proxies) {
    this.#proxies = proxies
  }

  /**
   * One step for each authority.
   *
   * @returns the certificates of those with trust anchors that gave a timestamp, each with its issuers
   */
  async go(
    report: Report,
    { timestamps }: ContainerConfiguration,
    { timeoutMs }: HsmConfiguration,
  ): Promise<readonly Path[]> {
    if (timestamps === undefined) {
      return []
    }
    const { authorities } = timestamps
    const asking = this.#asked.get(authorities) ?? ask(authorities, this.#proxies, timeoutMs)
    this.#asked.set(authorities, asking)
    const { answers, sent, known } = await asking
    const rest = [...sent]
    for (const [index, name] of nameAuthorities(authorities).entries()) {
      const { ms, problem } = answers.get(name) as Answer
      if (problem !== undefined) {
        report.failed('timestamp', problem)
      } else {
        const path = (rest.shift() as Path).map(describeSubject).join(' < ')
        const held = authorities[index]?.trustAnchors.length === 0 ? '; no trust anchor is configured' : ''
        report.passed('timestamp', `${name} gave one in ${ms.toFixed(0)} ms: ${path}${held}`, {
          timestampMs: ms,
        })
      }
    }
    return known
  }
}

/** @param timeoutMs that a request to the service has: no authority may take longer */
async function ask(authorities: Authorities, proxies: Proxies, timeoutMs: number): Promise<Answers> {
  const answers = new Map<string, Answer>()
  const asked = (name: string, seconds: number, _: unknown, problem?: string) =>
    answers.set(name, { ms: seconds * 1000, problem })
  const timestamper = new Timestamper({ authorities, proxies, observer: { asked } })
  try {
    await timestamper.probe(timeoutMs)
    return { answers, sent: timestamper.sentPaths(), known: timestamper.anchoredPaths() }
  } finally {
    timestamper.close()
  }
}
