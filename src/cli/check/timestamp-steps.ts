/** Checks timestamp authorities. */
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

/** Outcome of the request to one authority. */
interface Answer {
  readonly ms: number
  /** Problem, beginning with the authority's name; undefined if there is a timestamp. */
  readonly problem: string | undefined
}

interface Answers {
  /** Outcomes, keyed by the authorities' names. */
  readonly answers: ReadonlyMap<string, Answer>
  /** Certificates of the authorities that gave a timestamp, in their order. */
  readonly sent: readonly Path[]
  /** Certificates whose revocation can be checked. */
  readonly known: readonly Path[]
}

/** Asks each authority once, however many signers use it. */
export class TimestampSteps {
  readonly #proxies: Proxies
  readonly #asked = new Map<Authorities, Promise<Answers>>()

  constructor(proxies: Proxies) {
    this.#proxies = proxies
  }

  /**
   * Reports one step for each authority.
   *
   * @returns certificates of authorities with trust anchors that gave a timestamp, each followed by its issuers
   */
  async run(
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

/** @param timeoutMs time limit of a request to the service, in ms, which an authority must keep too */
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
