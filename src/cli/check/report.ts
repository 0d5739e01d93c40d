/** Collects the results of a check, step by step, with advice on failures. */
import type { Io } from '../io.ts'
import { printable } from '../table.ts'

const LOOK_AT_SERVICE =
  'Look at the address, where it speaks TLS at https and --tls-ca, and at the log of the service'

/** Steps of a check in their order, each with the advice for a failure. */
export const ADVICE = {
  configuration: 'Correct the variables that are named; docs/configuration.md lists all of them',
  library:
    "HSM_MODULE must name the HSM vendor's PKCS#11 library, for this machine, with its client configured",
  token: 'Look at "signing-service tokens"; the HSM\'s client must be configured, and reach the HSM',
  login: 'Correct the PIN before anything tries it again: a few wrong ones lock the user',
  key: 'Look at "signing-service keys"; share the key with this user, or name it by HSM_KEY_LABEL or HSM_KEY_ID',
  protection:
    'Have a key generated on the token ("signing-service keygen") and certified, and use that one instead',
  mechanism: 'Have the HSM allow the mechanism, also in FIPS mode, or set another signatureAlgorithm',
  sessions: 'Lower HSM_SESSIONS, or end what else holds sessions of this HSM',
  certificate:
    'Set SIGNER_CERTIFICATE_FILE to the certificate that was issued for this key, or name the key that it was issued for ' +
    'by HSM_KEY_LABEL or HSM_KEY_ID, or have another one issued where it is itself what is wrong',
  chain: 'Add what is missing to CA_CERTIFICATES_FILE, or validators may not find their trust anchor',
  validity: 'Renew the certificate, or correct the clock: nothing is signed outside its period',
  'test signature':
    "Do not serve with it: another key than the certificate's has signed, or the HSM is faulty",
  latency: 'Look at the way to the HSM and at its load, or raise HSM_TIMEOUT_MS',
  timestamp:
    'Correct the settings of the authority (TSA_URL and the like, or timestamps), and let this machine reach it',
  revocation: 'Let this machine reach the OCSP responders and CRLs, or set REVOCATION_CHECK=off',
  'service: ready': LOOK_AT_SERVICE,
  'service: version': 'Point --url at the service itself',
  'service: certificate': 'Start the service anew with the configuration that was checked',
  certificates: LOOK_AT_SERVICE,
  'raw signature': 'Have documents signed elsewhere until it is known who signs here, and with which key',
  'pkcs7 container': 'Have documents signed elsewhere until it is known who signs here, and with which key',
  level: 'Look for the shortfall in the log of the service: what a container is to have is not there',
  clock: 'Have both machines take their time from the same servers',
  'tls certificate':
    'Renew the certificate of TLS_CERT_FILE, or of the load balancer in front of the service',
} as const

/** Advice about revocation for cases in which that of the step does not help. */
export const REVOCATION_ADVICE = {
  revoked: 'Have another certificate issued in place of the one that was revoked, and use that one',
  /** Level b-lt refuses REVOCATION_CHECK=off. */
  longTerm: 'Let this machine reach the OCSP responders and CRLs: level b-lt needs what they answer',
  oversize:
    "Raise CONTAINER_SIZE_LIMIT together with Document Engine's estimatedSize, or have certificates issued that name an OCSP responder, " +
    'whose answers are small',
  unnamed:
    'Have certificates issued that name an OCSP responder or a CRL, as level b-lt needs, or set another level',
} as const

export type StepName = keyof typeof ADVICE

export interface Step {
  /** One of several signers that the step is about. */
  readonly signer?: string
  readonly name: StepName
  readonly status: 'ok' | 'warning' | 'failed' | 'unknown' | 'skipped'
  /** Result of the step, or why it failed or was skipped. */
  readonly found: string
  /** Advice on a failure or a warning. */
  readonly advice?: string
  /** Measured times, in ms. */
  readonly figures?: Readonly<Record<string, unknown>>
}

export class Report {
  readonly steps: Step[] = []
  readonly #output: Io['output'] | undefined
  readonly #signer: string | undefined

  /**
   * @param output takes each step when it has ended, as text for people; undefined if it is not printed
   * @param signer the one of several signers that the steps are about
   */
  constructor(output?: Io['output'], signer?: string) {
    this.#output = output
    this.#signer = signer
    if (signer !== undefined) {
      output?.write(`\nSigner ${signer}\n`)
    }
  }

  passed(name: StepName, found: string, figures?: Step['figures']): void {
    this.#add({ name, status: 'ok', found, ...(figures === undefined ? {} : { figures }) })
  }

  failed(name: StepName, found: string, further: Pick<Step, 'figures' | 'advice'> = {}): void {
    this.#add({ name, status: 'failed', found, advice: ADVICE[name], ...further })
  }

  /** Reports a step that passed with a warning. */
  warned(name: StepName, found: string, advice: string = ADVICE[name]): void {
    this.#add({ name, status: 'warning', found, advice })
  }

  /** Reports a step that could not be judged. */
  unknown(name: StepName, found: string, advice: string): void {
    this.#add({ name, status: 'unknown', found, advice })
  }

  /** Reports those of the steps as skipped that have not been reported. */
  skip(names: readonly StepName[], why: string): void {
    for (const name of names.filter((one) => !this.has(one))) {
      this.#add({ name, status: 'skipped', found: why })
    }
  }

  has(name: StepName, status?: Step['status']): boolean {
    return this.steps.some((step) => step.name === name && (status === undefined || step.status === status))
  }

  #add(step: Step): void {
    this.steps.push(this.#signer === undefined ? step : { signer: this.#signer, ...step })
    this.#output?.write(formatStep(step))
  }
}

const INDENT = ' '.repeat(31)

/** Formats a step as one line, and its advice as another. */
function formatStep({ name, status, found, advice }: Step): string {
  const line = `${status.padEnd(9)}${name.padEnd(22)}${printable(found)}\n`
  return advice === undefined ? line : `${line}${INDENT}-> ${advice}\n`
}
